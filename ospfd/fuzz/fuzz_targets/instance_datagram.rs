//! libFuzzer's entry to [`ospfd_fuzz::instance_datagram`].
#![no_main]

use ospfd_fuzz::instance_datagram::{run, show};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    run(input, show);
});
