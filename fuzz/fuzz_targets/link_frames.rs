#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| acequia_fuzz::link_frames::check(data));
