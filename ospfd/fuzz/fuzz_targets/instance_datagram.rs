//! libFuzzer's entry to [`ospfd_fuzz::instance_datagram`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    ospfd_fuzz::instance_datagram::run(input);
});
