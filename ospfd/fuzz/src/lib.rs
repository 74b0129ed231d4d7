//! What the fuzz targets do with their input. The same code replays the stored corpus in `ospfd`'s own tests.

pub mod bfd_session;
pub mod body_decode;
pub mod instance_datagram;
pub mod lan;
pub mod packet_decode;
