//! The modules of a service's first phase, in the order in which libpam comes to them, with the files that
//! each is taken in by.

use super::parse::{Call, Does, Phase, lines};

/// As deep as libpam goes (`PAM_SUBSTACK_MAX_LEVEL`).
const MAX_DEPTH: usize = 16;

/// As many modules as are looked at: files that take each other in twice grow without end.
const MAX_STEPS: usize = 1000;

/// As many files as are taken in, counting one as often as it is.
const MAX_FILES: usize = 1000;

/// The steps of `service`; none if there is no such file. `text` knows the files.
pub(super) fn steps<'a>(service: &str, text: &dyn Fn(&str) -> Option<&'a str>) -> Vec<Step> {
    let mut chain = Chain {
        text,
        steps: Vec::new(),
        files: 0,
        substacks: 0,
    };
    chain.take_in(service, &[], &[]);
    chain.steps
}

/// A module in the order in which libpam comes to it.
#[derive(Clone)]
pub(super) struct Step {
    /// The lines that lead to it, from the service's own file on.
    pub(super) trail: Vec<Place>,
    /// The substacks that it is in, from the outermost on.
    pub(super) substacks: Vec<usize>,
    /// What is called, with what comes of it.
    pub(super) call: Call,
}

impl Step {
    /// The line that names the module. A trail is never empty.
    pub(super) fn place(&self) -> Place {
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
pub(super) struct Place {
    /// The file's name.
    pub(super) file: String,
    /// From 1.
    pub(super) number: usize,
    /// What it says.
    pub(super) text: String,
}

/// The steps, as they are gathered.
struct Chain<'t, 'a> {
    text: &'t dyn Fn(&str) -> Option<&'a str>,
    steps: Vec<Step>,
    files: usize,
    substacks: usize,
}

impl Chain<'_, '_> {
    /// Adds the steps of a file, and of those that it takes in.
    fn take_in(&mut self, file: &str, trail: &[Place], substacks: &[usize]) {
        let Some(text) = (self.text)(file).filter(|_| trail.len() <= MAX_DEPTH) else {
            return;
        };
        self.files += 1;
        for line in lines(text) {
            if line.phase.is_some_and(|phase| phase != Phase::Auth) {
                continue;
            }
            if self.steps.len() >= MAX_STEPS || self.files >= MAX_FILES {
                return;
            }
            let place = Place {
                file: file.to_owned(),
                number: line.number,
                text: line.text,
            };
            let trail = [trail, &[place]].concat();
            match line.does {
                Does::Call(call) => self.steps.push(Step {
                    trail,
                    substacks: substacks.to_vec(),
                    call,
                }),
                Does::Include { file, substack } => {
                    let mut substacks = substacks.to_vec();
                    if substack {
                        self.substacks += 1;
                        substacks.push(self.substacks);
                    }
                    self.take_in(&file, &trail, &substacks);
                }
            }
        }
    }
}
