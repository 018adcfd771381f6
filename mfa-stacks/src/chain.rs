//! The modules of one phase of a service in libpam's order, with the files that include each. The
//! phase is `auth` by default.

use crate::parse::{Call, Control, Does, Phase, lines};

/// libpam's limit (`PAM_SUBSTACK_MAX_LEVEL`).
const MAX_DEPTH: usize = 16;

/// A limit on modules: files that include each other twice grow without end.
const MAX_STEPS: usize = 1000;

/// A limit on included files, counting each as often as it is included.
const MAX_FILES: usize = 1000;

/// The steps of `service`; none if there is no such file. `text` returns the content of a file.
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

/// The entries of `service`: modules and lines that are not modules.
pub fn entries<'a>(service: &str, text: &dyn Fn(&str) -> Option<&'a str>) -> Vec<Entry> {
    entries_of(Phase::Auth, service, text)
}

/// The entries of another phase.
pub fn entries_of<'a>(
    phase: Phase,
    service: &str,
    text: &dyn Fn(&str) -> Option<&'a str>,
) -> Vec<Entry> {
    let mut chain = Chain::new(phase, text);
    match chain.take_in(service, &[], &[], true) {
        Taken::Stopped(place) => vec![Entry {
            level: 0,
            kind: Kind::Stopped(place),
        }],
        Taken::Whole | Taken::Missing => chain.entries,
    }
}

/// The lines of all phases that include a missing file, starting at the service's own file.
pub fn missing<'a>(service: &str, text: &dyn Fn(&str) -> Option<&'a str>) -> Vec<Place> {
    let is_missing = |step: &Step| {
        let place = step.place();
        let mut lines = text(&place.file).map(lines).unwrap_or_default().into_iter();
        let line = lines.find(|line| line.number == place.number);
        line.is_some_and(|line| matches!(line.does, Does::Include { .. }))
    };
    let mut places = Vec::new();
    for phase in Phase::ALL {
        for entry in entries_of(phase, service, text) {
            places.extend(match entry.kind {
                Kind::Stopped(place) => Some(place),
                Kind::Broken(step) if is_missing(&step) => Some(step.place()),
                _ => None,
            });
        }
    }
    places.sort();
    places.dedup();
    places
}

/// The line from which on nothing of `service` was looked at, since there is more than anybody would write.
pub fn cut<'a>(service: &str, text: &dyn Fn(&str) -> Option<&'a str>) -> Option<Place> {
    let mut phases = Phase::ALL.into_iter();
    phases.find_map(|phase| {
        let mut chain = Chain::new(phase, text);
        chain.take_in(service, &[], &[], true);
        chain.cut
    })
}

fn modules(entries: Vec<Entry>) -> Vec<Step> {
    let module = |entry: Entry| match entry.kind {
        Kind::Module(step) | Kind::Broken(step) => Some(step),
        Kind::Substack | Kind::Stopped(_) => None,
    };
    entries.into_iter().filter_map(module).collect()
}

/// One entry of a stack, in libpam's order.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Number of substacks around it.
    pub level: usize,
    /// Module, substack or faulty line.
    pub kind: Kind,
}

/// Modules, and lines that are not modules but count in a jump.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A module.
    Module(Step),
    /// The line that includes a substack, before the substack's own entries.
    Substack,
    /// A line that always fails, because it includes a missing file or libpam does not understand
    /// it. As a step its module is [`BROKEN`].
    Broken(Step),
    /// The only entry: libpam rejects the service at this line, and `pam_start` fails.
    Stopped(Place),
}

/// The module name of a line that names no module and fails.
pub const BROKEN: &str = "";

/// A module in libpam's order.
#[derive(Clone, Debug)]
pub struct Step {
    /// The lines that lead to it, starting at the service's own file.
    pub trail: Vec<Place>,
    /// The substacks around it, outermost first.
    pub substacks: Vec<usize>,
    /// The module with its control and arguments.
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
    /// Counted from 1.
    pub number: usize,
    /// The text of the line.
    pub text: String,
}

struct Chain<'t, 'a> {
    phase: Phase,
    text: &'t dyn Fn(&str) -> Option<&'a str>,
    entries: Vec<Entry>,
    files: usize,
    substacks: usize,
    /// Where the limits were met.
    cut: Option<Place>,
}

impl<'t, 'a> Chain<'t, 'a> {
    fn new(phase: Phase, text: &'t dyn Fn(&str) -> Option<&'a str>) -> Self {
        Self {
            phase,
            text,
            entries: Vec::new(),
            files: 0,
            substacks: 0,
            cut: None,
        }
    }

    fn add(&mut self, level: usize, kind: Kind) {
        self.entries.push(Entry { level, kind });
    }

    /// Adds the entries of a file and of the files that it includes. `is_service`: only `@include`
    /// lines lead here from the service's own file.
    fn take_in(
        &mut self,
        file: &str,
        trail: &[Place],
        substacks: &[usize],
        is_service: bool,
    ) -> Taken {
        let Some(text) = (self.text)(file).filter(|_| trail.len() <= MAX_DEPTH) else {
            return Taken::Missing;
        };
        self.files += 1;
        for line in lines(text) {
            let is_other = match (line.phase, &line.does) {
                (Some(phase), _) => phase != self.phase,
                (None, Does::Fails(_)) => is_service && self.phase != Phase::Auth,
                (None, _) => false,
            };
            if is_other {
                continue;
            }
            let place = Place {
                file: file.to_owned(),
                number: line.number,
                text: line.text,
            };
            if self.entries.len() >= MAX_STEPS || self.files >= MAX_FILES {
                self.cut.get_or_insert(place);
                return Taken::Whole;
            }
            let trail = [trail, std::slice::from_ref(&place)].concat();
            let level = substacks.len();
            match line.does {
                Does::Call(call) => self.add(level, Kind::Module(step(trail, substacks, call))),
                Does::Fails(control) => self.add_broken(trail, substacks, control),
                Does::Stops => return Taken::Stopped(place),
                Does::Include { file, substack } => {
                    let mut inner = substacks.to_vec();
                    if substack {
                        self.substacks += 1;
                        inner.push(self.substacks);
                        self.add(level, Kind::Substack);
                    }
                    // A file that is included for all phases at once has no phase to fail in.
                    let is_service = is_service && line.phase.is_none();
                    match self.take_in(&file, &trail, &inner, is_service) {
                        Taken::Whole => {}
                        Taken::Missing if is_service => return Taken::Stopped(place),
                        Taken::Stopped(at) if is_service => return Taken::Stopped(at),
                        Taken::Missing | Taken::Stopped(_) => {
                            self.add_broken(trail, substacks, Control::bad());
                        }
                    }
                }
            }
        }
        Taken::Whole
    }

    fn add_broken(&mut self, trail: Vec<Place>, substacks: &[usize], control: Control) {
        let call = Call {
            control,
            module: BROKEN.to_owned(),
            arguments: Vec::new(),
        };
        let step = step(trail, substacks, call);
        self.add(substacks.len(), Kind::Broken(step));
    }
}

fn step(trail: Vec<Place>, substacks: &[usize], call: Call) -> Step {
    Step {
        trail,
        substacks: substacks.to_vec(),
        call,
    }
}

/// The result of including a file.
enum Taken {
    Whole,
    /// The file is missing.
    Missing,
    /// libpam rejected it at this line.
    Stopped(Place),
}

#[cfg(test)]
mod tests;
