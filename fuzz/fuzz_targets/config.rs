#![no_main]

libfuzzer_sys::fuzz_target!(|text: &[u8]| {
    provisioner_fuzz::config::check(text);
});
