//! `org.pam-mfa.Admin`: accounts, their factors, locks, and what is decided for them.
//!
//! The types mirror `org.pam-mfa.Admin.varlink`, which documents them.

mod account;
mod backup;
mod check;
mod delivery;
mod device;
mod enroll;
mod explain;
mod fleet;
mod import;
mod key;
mod personal;
mod session;

pub use account::{
    Account, Device, Knowledge, Lockout, Lockouts, LockoutsReply, PageParameters, Rule, Status,
    StatusReply, Suspended, Unlock, UnlockParameters, UnlockReply, UserParameters, Users,
    UsersReply,
};
pub use backup::{
    BackupBegin, BackupBeginParameters, BackupBeginReply, BackupEnd, BackupNext, BackupNextReply,
    DamagedRecord, HostKeys, KeyStatus, KeyStatusReply, MergeBegin, MergeBeginParameters,
    MergeNext, MergeNextParameters, MergeNextReply, MergeOutcome, MergedAccount, RestoreAbandon,
    RestoreAbandonReply, RestoreBegin, RestoreBeginParameters, RestoreEnd, RestoreEndReply,
    RestoreNext, RestoreNextParameters, RestoreNextReply, RotateBegin, RotateBeginReply, RotateEnd,
    RotateEndParameters, RotateEndReply, RotateNext, RotateNextParameters, RotateNextReply,
    RotatePrepare, RotatePrepareReply, StoreCheck, StoreCheckParameters, StoreCheckReply,
    StoreDrop, StoreDropParameters, StoreDropReply,
};
pub use check::{
    AddressRule, Administrator, CheckConfig, CheckConfigParameters, CheckConfigReply, Finding,
    Health, HealthReply, HostFacts, KeyRule, Mode, ModeReply, Refused, Reload, ReloadReply,
    ServiceAsk, ServiceTerms, Severity, Terms, TermsParameters, TermsReply,
};
pub use delivery::{
    Address, AddressReply, ConfirmAddress, ConfirmAddressParameters, EnableAddress,
    EnableAddressParameters, EnrollAddress, EnrollAddressParameters, EnrollAddressReply,
    EnrollRadius, EnrollRadiusParameters, EnrollRadiusReply, Messages, Primary, PrimaryParameters,
    Radius, TestDelivery, TestDeliveryParameters, TestDeliveryReply,
};
pub use device::{
    Drift, Drifts, DriftsReply, EnableFactor, EnableFactorParameters, EnableFactorReply, Rename,
    RenameParameters, RenameReply, Resync, ResyncParameters, ResyncReply,
};
pub use enroll::{
    CheckQuestions, ConfirmDevice, ConfirmParameters, ConfirmRecovery, EnrollDeviceParameters,
    EnrollHotp, EnrollPin, EnrollPinParameters, EnrollQuestions, EnrollQuestionsParameters,
    EnrollRecovery, EnrollRecoveryParameters, EnrollTotp, Enrollment, EnrollmentReply,
    QuestionAnswer, Questions, QuestionsReply, RecoveryReply, Remove, RemoveParameters,
    RemoveReply, UserReply,
};
pub use explain::{
    Considered, Explain, ExplainParameters, ExplainReply, Explanation, NO_ROOM_IN_ONE_ANSWER,
};
pub use fleet::{
    FleetHost, ForgetHost, ForgetHostParameters, ForgetHostReply, Hosts, HostsReply, Metrics,
    MetricsReply, StoreCertificate, StoreEndpoint,
};
pub use import::{
    ImportAccount, ImportAccounts, ImportAccountsParameters, ImportAccountsReply, ImportDevice,
    ImportEntry, ImportOutcome, ImportParameters, ImportReply, ImportResult, ImportUris,
    ImportedAccount,
};
pub use key::{
    ConfirmKey, ConfirmKeyParameters, EnrollKey, EnrollKeyParameters, EnrollKeyReply, ImportKeys,
    ImportKeysParameters, ImportKeysReply, ImportedKey, KeyLine, KeyOutcome, Keys, KeysReply,
    SecurityKey, UserKey,
};
pub use personal::{
    AllowFrom, AllowFromParameters, Enforce, EnforceParameters, Prefer, PreferParameters, Require,
    RequireParameters, SelfManage, SelfManageParameters, SettingReply, UserSettings,
};
pub use session::{
    Bypass, BypassParameters, BypassReply, Resume, ResumeParameters, ResumeReply, Revoke,
    RevokeBypass, RevokeBypassParameters, RevokeBypassReply, RevokeReply, Session, Sessions,
    SessionsParameters, SessionsReply, Suspend, SuspendParameters, SuspendReply,
};

use crate::login::Nothing;
use crate::message::Method;

/// What an agent of an earlier version does not say.
fn yes() -> bool {
    true
}

macro_rules! methods {
    ($($name:ident($parameters:ty) -> $reply:ty;)*) => {$(
        impl Method for $name {
            const NAME: &'static str = concat!("org.pam-mfa.Admin.", stringify!($name));
            type Parameters = $parameters;
            type Reply = $reply;
        }
    )*};
}

methods! {
    Status(UserParameters) -> StatusReply;
    Users(PageParameters) -> UsersReply;
    Lockouts(PageParameters) -> LockoutsReply;
    Unlock(UnlockParameters) -> UnlockReply;
    EnrollTotp(EnrollDeviceParameters) -> EnrollmentReply;
    EnrollHotp(EnrollDeviceParameters) -> EnrollmentReply;
    ConfirmDevice(ConfirmParameters) -> EnrollmentReply;
    EnrollPin(EnrollPinParameters) -> UserReply;
    Questions(Nothing) -> QuestionsReply;
    CheckQuestions(EnrollQuestionsParameters) -> UserReply;
    EnrollQuestions(EnrollQuestionsParameters) -> UserReply;
    EnrollRecovery(EnrollRecoveryParameters) -> RecoveryReply;
    ConfirmRecovery(Nothing) -> UserReply;
    EnrollAddress(EnrollAddressParameters) -> EnrollAddressReply;
    ConfirmAddress(ConfirmAddressParameters) -> EnrollAddressReply;
    EnrollRadius(EnrollRadiusParameters) -> EnrollRadiusReply;
    EnrollKey(EnrollKeyParameters) -> EnrollKeyReply;
    ConfirmKey(ConfirmKeyParameters) -> EnrollKeyReply;
    ImportKeys(ImportKeysParameters) -> ImportKeysReply;
    Keys(PageParameters) -> KeysReply;
    Primary(PrimaryParameters) -> AddressReply;
    EnableAddress(EnableAddressParameters) -> AddressReply;
    TestDelivery(TestDeliveryParameters) -> TestDeliveryReply;
    Remove(RemoveParameters) -> RemoveReply;
    EnableFactor(EnableFactorParameters) -> EnableFactorReply;
    Rename(RenameParameters) -> RenameReply;
    Resync(ResyncParameters) -> ResyncReply;
    Drifts(PageParameters) -> DriftsReply;
    ImportUris(ImportParameters) -> ImportReply;
    ImportAccounts(ImportAccountsParameters) -> ImportAccountsReply;
    Explain(ExplainParameters) -> ExplainReply;
    Require(RequireParameters) -> SettingReply;
    Enforce(EnforceParameters) -> SettingReply;
    Prefer(PreferParameters) -> SettingReply;
    SelfManage(SelfManageParameters) -> SettingReply;
    AllowFrom(AllowFromParameters) -> SettingReply;
    Sessions(SessionsParameters) -> SessionsReply;
    Revoke(UserParameters) -> RevokeReply;
    Bypass(BypassParameters) -> BypassReply;
    RevokeBypass(RevokeBypassParameters) -> RevokeBypassReply;
    Suspend(SuspendParameters) -> SuspendReply;
    Resume(ResumeParameters) -> ResumeReply;
    CheckConfig(CheckConfigParameters) -> CheckConfigReply;
    Health(Nothing) -> HealthReply;
    Terms(TermsParameters) -> TermsReply;
    Mode(Nothing) -> ModeReply;
    Reload(Nothing) -> ReloadReply;
    BackupBegin(BackupBeginParameters) -> BackupBeginReply;
    BackupNext(Nothing) -> BackupNextReply;
    BackupEnd(Nothing) -> Nothing;
    RestoreBegin(RestoreBeginParameters) -> Nothing;
    RestoreNext(RestoreNextParameters) -> RestoreNextReply;
    RestoreEnd(Nothing) -> RestoreEndReply;
    RestoreAbandon(Nothing) -> RestoreAbandonReply;
    MergeBegin(MergeBeginParameters) -> Nothing;
    MergeNext(MergeNextParameters) -> MergeNextReply;
    KeyStatus(Nothing) -> KeyStatusReply;
    RotatePrepare(Nothing) -> RotatePrepareReply;
    RotateBegin(Nothing) -> RotateBeginReply;
    RotateNext(RotateNextParameters) -> RotateNextReply;
    RotateEnd(RotateEndParameters) -> RotateEndReply;
    Hosts(PageParameters) -> HostsReply;
    ForgetHost(ForgetHostParameters) -> ForgetHostReply;
    Metrics(Nothing) -> MetricsReply;
    StoreCheck(StoreCheckParameters) -> StoreCheckReply;
    StoreDrop(StoreDropParameters) -> StoreDropReply;
}
