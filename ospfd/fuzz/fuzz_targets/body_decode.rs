//! libFuzzer's entry to [`ospfd_fuzz::body_decode`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    ospfd_fuzz::body_decode::run(input);
});
