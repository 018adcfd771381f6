//! A login: the decision before anything is typed ([`entry`]), and then a state machine.
//!
//! Pure. Each state is a separate type with methods only for what can happen in it, so an event at the wrong time does
//! not compile. Every transition returns an [`Effect`]: what to do now, together with the state that gets the result. A
//! driver performs the effect and passes the result in, until the login ends.
//!
//! ```text
//!   Effect         performed by                          state that goes on     with the event
//!   Prompt         the user, who answers                 [`Prompting`]          [`AnswerEvent`]
//!   FindCode       a look at the user's other codes      [`FindingCode`]        which one it is
//!   SendCode       a message                             [`SendingCode`]        [`SendResult`]
//!   QueryRadius    a reservation and a server            [`QueryingRadius`]     [`RadiusReply`]
//!   AskAgent       the user's SSH agent                  [`AskingAgent`]        [`AgentReply`]
//!   Verify         the account                           [`Verifying`]          [`Verdict`](crate::account::Verdict)
//!   MakeDevice     a fresh key                           [`MakingDevice`]       [`FreshDevice`]
//!   CountWrongCode the account                           [`CountingWrongCode`]  [`Counted`](crate::account::Counted)
//!   StoreFactors   the account                           [`StoringFactors`]     [`Enrolled`](crate::account::Enrolled)
//!   End            -                                     -                      -
//! ```

mod dialogue;
mod end;
mod enroll;
pub mod entry;
mod event;
mod fallback;
mod keys;
mod messages;
mod plan;
mod split;
mod stand_in;
mod state;
mod terms;

pub use crate::factors::security_key::service::{KeyService, is_sshd};
pub use dialogue::{AgentReply, SendRequest};
pub use end::{Consequence, End, EndReason};
pub use enroll::{ChosenFactor, Occasion, Screen, prompts as enrollment_prompts};
pub use event::{
    AddressChoice, AnswerEvent, FreshDevice, FreshFactor, FreshFactors, QuestionChoice,
    RadiusReply, SendResult,
};
pub use fallback::FallbackRecipients;
pub use keys::{KeyPlan, KeyReach, KeyTerms, has_key};
pub use messages::{DeliveryStatus, grace, not_met};
pub use plan::{Answer, Echo, Plan, PromptDecoy, RadiusDecision, UserFactors};
pub use split::CodeSearch;
pub use state::{
    AskingAgent, CountingWrongCode, Effect, FindingCode, MakingDevice, Prompting, QueryingRadius,
    SendingCode, StoringFactors, Verifying, begin, enroll, prompts,
};
pub use terms::AskTerms;

#[cfg(test)]
mod tests;
