//! Any bytes that a process sends to the agent: framed, decoded, and parsed as the parameters of
//! each method.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mfa_protocol::frame::{FrameReader, MAX_FRAME};
use mfa_protocol::message::{AnyCall, Method};
use mfa_protocol::{admin, login};

fuzz_target!(|bytes: &[u8]| {
    let mut source = bytes;
    let mut reader = FrameReader::new();
    while let Ok(frame) = reader.next(&mut source) {
        assert!(frame.len() <= MAX_FRAME && !frame.contains(&0));
        let Ok(call) = serde_json::from_slice::<AnyCall<'_>>(frame) else { continue };
        let parameters = call.parameters.map_or("{}", |raw| raw.get());
        parse::<login::Begin>(parameters);
        parse::<login::Answer>(parameters);
        parse::<login::Cancel>(parameters);
        parse::<admin::Status>(parameters);
        parse::<admin::EnrollTotp>(parameters);
        parse::<admin::EnrollQuestions>(parameters);
        parse::<admin::CheckQuestions>(parameters);
        parse::<admin::Remove>(parameters);
        parse::<admin::ImportUris>(parameters);
        parse::<admin::Explain>(parameters);
    }
});

fn parse<M: Method>(parameters: &str) {
    let _ = serde_json::from_str::<M::Parameters>(parameters);
}
