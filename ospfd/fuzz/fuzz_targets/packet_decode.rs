//! libFuzzer's entry to [`ospfd_fuzz::packet_decode`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    ospfd_fuzz::packet_decode::run(input);
});
