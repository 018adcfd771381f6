//! The modules of one phase of a service, in the order in which libpam comes to them, with the files that each
//! is taken in by. The phase is that of `auth`, unless another is named.

use crate::parse::{Call, Does, Phase, lines};

/// As deep as libpam goes (`PAM_SUBSTACK_MAX_LEVEL`).
const MAX_DEPTH: usize = 16;

/// As many modules as are looked at: files that take each other in twice grow without end.
const MAX_STEPS: usize = 1000;

/// As many files as are taken in, counting one as often as it is.
const MAX_FILES: usize = 1000;

/// The steps of `service`; none if there is no such file. `text` knows the files.
pub fn steps<'a>(service: &str, text: &dyn Fn(&str) -> Option<&'a str>) -> Vec<Step> {
    modules(entries(service, text))
}

/// The steps of another phase.
pub fn steps_of<'a>(
    phase: Phase,
    service: &str,
    text: &dyn Fn(&str) -> Option<&'a str>,
) -> Vec<Step> {
    modules(entries_of(phase, service, text))
}

/// All that libpam comes to in `service`, modules and what is not one.
pub fn entries<'a>(service: &str, text: &dyn Fn(&str) -> Option<&'a str>) -> Vec<Entry> {
    entries_of(Phase::Auth, service, text)
}

fn entries_of<'a>(
    phase: Phase,
    service: &str,
    text: &dyn Fn(&str) -> Option<&'a str>,
) -> Vec<Entry> {
    let mut chain = Chain {
        phase,
        text,
        entries: Vec::new(),
        files: 0,
        substacks: 0,
    };
    chain.take_in(service, &[], &[]);
    chain.entries
}

fn modules(entries: Vec<Entry>) -> Vec<Step> {
    let module = |entry: Entry| match entry.kind {
        Kind::Module(step) => Some(step),
        Kind::Substack | Kind::Broken => None,
    };
    entries.into_iter().filter_map(module).collect()
}

/// What libpam comes to.
#[derive(Clone, Debug)]
pub struct Entry {
    /// How many substacks it is in.
    pub level: usize,
    /// What it is.
    pub kind: Kind,
}

/// Modules, and what counts in a jump without being one.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A module.
    Module(Step),
    /// The line that takes in a substack, before all that is in it.
    Substack,
    /// A line that takes in a file that is not there: it fails.
    Broken,
}

/// A module in the order in which libpam comes to it.
#[derive(Clone, Debug)]
pub struct Step {
    /// The lines that lead to it, from the service's own file on.
    pub trail: Vec<Place>,
    /// The substacks that it is in, from the outermost on.
    pub substacks: Vec<usize>,
    /// What is called, with what comes of it.
    pub call: Call,
}

impl Step {
    /// The line that names the module. A trail is never empty.
    pub fn place(&self) -> Place {
        let last = self.trail.last().cloned();
        last.unwrap_or_else(|| Place {
            file: String::new(),
            number: 0,
            text: String::new(),
        })
    }
}

/// A line in a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file's name.
    pub file: String,
    /// From 1.
    pub number: usize,
    /// What it says.
    pub text: String,
}

/// The steps, as they are gathered.
struct Chain<'t, 'a> {
    phase: Phase,
    text: &'t dyn Fn(&str) -> Option<&'a str>,
    entries: Vec<Entry>,
    files: usize,
    substacks: usize,
}

impl Chain<'_, '_> {
    fn add(&mut self, level: usize, kind: Kind) {
        self.entries.push(Entry { level, kind });
    }

    /// Adds the entries of a file, and of those that it takes in. False if there is no such file.
    fn take_in(&mut self, file: &str, trail: &[Place], substacks: &[usize]) -> bool {
        let Some(text) = (self.text)(file).filter(|_| trail.len() <= MAX_DEPTH) else {
            return false;
        };
        self.files += 1;
        for line in lines(text) {
            if line.phase.is_some_and(|phase| phase != self.phase) {
                continue;
            }
            if self.entries.len() >= MAX_STEPS || self.files >= MAX_FILES {
                return true;
            }
            let place = Place {
                file: file.to_owned(),
                number: line.number,
                text: line.text,
            };
            let trail = [trail, &[place]].concat();
            match line.does {
                Does::Call(call) => {
                    let step = Step {
                        trail,
                        substacks: substacks.to_vec(),
                        call,
                    };
                    self.add(substacks.len(), Kind::Module(step));
                }
                Does::Include { file, substack } => {
                    let level = substacks.len();
                    let mut substacks = substacks.to_vec();
                    if substack {
                        self.substacks += 1;
                        substacks.push(self.substacks);
                        self.add(level, Kind::Substack);
                    }
                    if !self.take_in(&file, &trail, &substacks) {
                        self.add(level, Kind::Broken);
                    }
                }
            }
        }
        true
    }
}
