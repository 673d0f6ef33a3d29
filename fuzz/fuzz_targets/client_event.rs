#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| acequia_fuzz::client_event::check(data));
