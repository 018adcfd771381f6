//! What to do next, each with the state that gets the result.

use mfa_protocol::login::Step;

use super::super::end::End;
use super::{
    AskingAgent, CountingWrongCode, FindingCode, MakingDevice, Prompting, QueryingRadius,
    SendingCode, StoringFactors, Verifying,
};

/// What to do next. `C` is what the driver keeps of a RADIUS server's challenge.
#[derive(Debug)]
pub enum Effect<C> {
    /// Show this, and take an answer.
    Prompt(Step, Prompting<C>),
    /// Look whether what was typed is a bypass or recovery code of the user's, with a PIN behind it or without.
    FindCode(FindingCode),
    /// Send a code.
    SendCode(SendingCode),
    /// Have a RADIUS server verify an answer.
    QueryRadius(QueryingRadius<C>),
    /// Show this, and have the user's SSH agent answer a message.
    AskAgent(Step, AskingAgent),
    /// Verify answers.
    Verify(Verifying),
    /// Draw the key of a new device and its recovery codes.
    MakeDevice(MakingDevice),
    /// Count a wrong first code of what is being set up.
    CountWrongCode(CountingWrongCode),
    /// Store what was set up, and its recovery codes.
    StoreFactors(StoringFactors),
    /// The login has ended.
    End(End),
}
