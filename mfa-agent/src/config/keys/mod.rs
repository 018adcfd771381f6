//! Every key of `agent.toml`: its name, what it takes, what holds without it, and the sentences that document it.
//!
//! A key is one entry in a section `["name"]`, or `[["name"]]` for a list of tables, in one of the rooms below. The
//! settings that the agent works with, the shipped `agent.toml`, `agent.toml(5)` and the help for a mistyped key come
//! from it. This is how it is written:
//!
//! ```text
//! /// What an administrator reads.
//! key: Whole<1, 100> = 5;                   built in; the shipped file sets it
//! key: Option<Issuer> => "Example";         not set; the shipped file has it as an example
//! key: Option<ProgramPath> | "/bin/x";      not set; an example that does not go with the others
//! ```
//!
//! `PathBuf as SocketPath` is a path that is read as the path of a socket.

mod asking;
mod delivery;
mod factors;
mod file;
mod host;
mod sections;

pub(super) use asking::{Enforcement, Lockout, Policy, Rule};
pub(super) use delivery::{Delivery, Email, Radius, Sms};
pub use delivery::{Notify, Push};
pub use factors::{Hotp, Recovery, SelfService, Totp};
pub(super) use factors::{Pin, Prompts, Questions, SecurityKeys};
pub use file::{ABOUT, EXAMPLES, shipped_file};
pub(super) use host::Store;
pub use host::{Admin, Audit, Metrics, Server};
pub use sections::SECTIONS;
pub(super) use sections::{Part, Sections};

pub use super::key::{Key, Section, Shown};
use super::tree::Layers;
use super::values::Findings;

/// What the keys of a section hold.
pub(super) trait Keys: Sized {
    /// The section.
    const SECTION: Section;

    /// Reads the keys. What is wrong goes to `findings`, and then there is nothing to hold.
    fn read(layers: &Layers<'_>, findings: &mut Findings) -> Option<Self>;
}

/// Sections with their keys, each a struct of the values.
macro_rules! section {
    ($(
        $(#[doc = $about:literal])*
        $(#[derive($($derive:ident),*)])?
        $vis:vis $name:ident = $section:tt {
            $(
                $(#[doc = $doc:literal])*
                $key:ident: $type:ty $(as $kind:ty)? $(= $default:tt)? $(=> $example:tt)? $(| $alternative:tt)?;
            )*
        }
    )*) => {$(
        $(#[doc = $about])*
        $(#[derive($($derive),*)])?
        $vis struct $name {
            $($(#[doc = $doc])* $vis $key: section!(@field $type $(, $kind)?),)*
        }

        const _: () = {
            use $crate::config::keys::{Key, Keys, Section, Shown};
            use $crate::config::tree::Layers;
            use $crate::config::values::{Findings, Value};

            impl Keys for $name {
                const SECTION: Section = Section {
                    name: section!(@name $section),
                    header: section!(@header $section),
                    about: concat!($($about, "\n"),*),
                    is_list: section!(@is_list $section),
                    keys: &[$(Key {
                        name: stringify!($key),
                        full_name: concat!(section!(@header $section), " ", stringify!($key)),
                        about: concat!($($doc, "\n"),*),
                        shown: $(Shown::Default(stringify!($default)))?
                            $(Shown::Example(stringify!($example)))?
                            $(Shown::Alternative(stringify!($alternative)))?,
                        range: <section!(@kind $type $(, $kind)?) as Value>::range,
                    }),*],
                };

                fn read(layers: &Layers<'_>, findings: &mut Findings) -> Option<Self> {
                    let mut keys = Self::SECTION.keys.iter();
                    // Every key is read, so that all mistakes are reported at once.
                    $(let $key = keys.next().and_then(|key| {
                        let nodes = layers.nodes(key.name);
                        <section!(@kind $type $(, $kind)?) as Value>::read_key(key, &nodes, findings)
                    });)*
                    Some(Self { $($key: $key?),* })
                }
            }
        };
    )*};
    (@name [[$name:literal]]) => { $name };
    (@name [$name:literal]) => { $name };
    (@header [[$name:literal]]) => { concat!("[[", $name, "]]") };
    (@header [$name:literal]) => { concat!("[", $name, "]") };
    (@is_list [[$name:literal]]) => { true };
    (@is_list [$name:literal]) => { false };
    (@field $type:ty, $kind:ty) => { $type };
    (@field $kind:ty) => { <$kind as $crate::config::values::Value>::Output };
    (@kind $type:ty, $kind:ty) => { $kind };
    (@kind $kind:ty) => { $kind };
}
use section;
