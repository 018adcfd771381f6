//! What administrators do: settings, commands, imports, logs, and the source as its rules want it.

mod agent_life;
mod audit_lines;
mod backup;
mod bad_input;
mod drift;
mod explain;
mod house_rules;
mod import_apps;
mod import_google;
mod import_oath;
mod import_tokens;
mod import_uris;
mod keys_admin;
mod methods;
mod operations;
mod peers;
mod personal;
mod reload;
mod s1_events;
mod varlink;
