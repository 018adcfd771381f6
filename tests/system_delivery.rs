//! Codes by mail and text message, and answers that a RADIUS server verifies.

mod addresses;
mod delivery_limits;
mod mail;
mod notices;
mod radius;
mod texts;
mod user_records;
