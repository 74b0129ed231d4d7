//! libFuzzer's entry to [`ospfd_fuzz::bfd_session`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    ospfd_fuzz::bfd_session::run(input);
});
