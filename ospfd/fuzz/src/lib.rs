//! What the fuzz targets do with their input. The same code replays the stored corpus in `ospfd`'s own tests.

pub mod instance_datagram;
pub mod packet_decode;
