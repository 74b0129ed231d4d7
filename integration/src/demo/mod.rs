//! The demo: two directors serve one VIP, and the script breaks one thing after another.
