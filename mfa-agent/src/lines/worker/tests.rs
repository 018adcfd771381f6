use std::sync::mpsc::{self, Receiver, Sender};

use super::*;

const FOREVER: Duration = Duration::from_secs(3600);

/// Passes lines on, once the test lets them through.
struct Gate {
    through: Receiver<()>,
    out: Sender<String>,
}

impl Sink for Gate {
    type Line = String;

    fn write(&mut self, lines: &[String]) -> Result<usize, WriteError> {
        let _ = self.through.recv();
        self.out.send(lines[0].clone())?;
        Ok(1)
    }

    fn reopen(&mut self) {}

    fn lost(&self, count: u64) -> String {
        format!("{count} lost")
    }

    fn report_failure(&self, _: &WriteError) {}

    fn report_recovery(&self) {}
}

struct Rig {
    worker: Worker<String>,
    gate: Option<Sender<()>>,
    out: Receiver<String>,
}

impl Rig {
    fn new(most: usize, linger: Duration) -> Self {
        let ((gate, through), (sender, out)) = (mpsc::channel(), mpsc::channel());
        let sink = Gate {
            through,
            out: sender,
        };
        Self {
            worker: Worker::start_with("test", sink, most, linger).unwrap(),
            gate: Some(gate),
            out,
        }
    }

    fn open(linger: Duration) -> Self {
        let mut rig = Self::new(100, linger);
        rig.gate = None;
        rig
    }

    fn push(&self, line: &str) {
        self.worker.push(line.to_owned(), Origin::Privileged);
    }

    fn await_stage(&self, stage: Stage) {
        while self.worker.0.lock().stage != stage {
            thread::yield_now();
        }
    }
}

#[test]
fn lines_that_come_while_the_thread_lingers_wake_nobody_and_are_written_by_a_flush() {
    let rig = Rig::open(FOREVER);
    rig.await_stage(Stage::Lingering);
    rig.push("one");
    rig.push("two");
    assert_eq!(rig.worker.0.lock().stage, Stage::Lingering);
    assert!(rig.out.try_recv().is_err());
    assert!(rig.worker.flush(Instant::now() + FOREVER));
    assert_eq!(rig.out.try_iter().collect::<Vec<_>>(), ["one", "two"]);
}

#[test]
fn an_idle_thread_parks_and_the_next_line_wakes_it_once() {
    let rig = Rig::new(100, Duration::ZERO);
    for line in ["one", "two"] {
        rig.await_stage(Stage::Parked);
        rig.push(line);
        assert_eq!(rig.worker.0.lock().stage, Stage::Writing);
        rig.gate.as_ref().unwrap().send(()).unwrap();
        assert_eq!(rig.out.recv().unwrap(), line);
    }
}

#[test]
fn a_flush_of_nothing_succeeds_and_waits_for_a_line_in_hand() {
    let mut rig = Rig::new(100, FOREVER);
    assert!(rig.worker.flush(Instant::now() + FOREVER));
    rig.push("held up");
    assert!(!rig.worker.flush(Instant::now() + Duration::from_millis(20)));
    rig.gate = None;
    assert!(rig.worker.flush(Instant::now() + FOREVER));
    assert_eq!(rig.out.try_iter().count(), 1);
}

#[test]
fn a_hanging_sink_loses_lines_of_ordinary_users_before_those_of_root() {
    let mut rig = Rig::new(4, Duration::ZERO);
    rig.await_stage(Stage::Parked);
    for n in 1..=50 {
        rig.worker.push(format!("eve {n}"), Origin::Ordinary);
    }
    rig.push("root");
    rig.gate = None;
    assert!(rig.worker.flush(Instant::now() + FOREVER));
    let out: Vec<String> = rig.out.try_iter().collect();
    assert_eq!(out.last().unwrap(), "root");
    assert!(out.iter().any(|line| line.ends_with(" lost")), "{out:?}");
}

#[test]
fn a_dropped_worker_still_writes_waiting_lines() {
    let rig = Rig::open(FOREVER);
    rig.await_stage(Stage::Lingering);
    rig.push("last");
    drop(rig.worker);
    assert_eq!(rig.out.recv().unwrap(), "last");
    assert!(rig.out.recv().is_err(), "the thread has ended");
}

#[test]
fn a_sync_waits_for_the_lines_before_it() {
    let mut rig = Rig::new(100, FOREVER);
    rig.push("held up");
    assert!(!rig.worker.sync(Instant::now() + Duration::from_millis(20)));
    rig.gate = None;
    assert!(rig.worker.sync(Instant::now() + FOREVER));
    assert_eq!(rig.out.try_iter().collect::<Vec<_>>(), ["held up"]);
}

#[test]
fn a_sync_wakes_a_thread_that_lingers() {
    let rig = Rig::open(FOREVER);
    rig.await_stage(Stage::Lingering);
    assert!(rig.worker.sync(Instant::now() + FOREVER));
}

/// Writes two lines at a time, and fails at every other call.
struct Limping {
    fails: bool,
    out: Sender<String>,
}

impl Sink for Limping {
    type Line = String;

    fn write(&mut self, lines: &[String]) -> Result<usize, WriteError> {
        self.fails = !self.fails;
        if self.fails {
            return Err(WriteError("for a moment".to_owned()));
        }
        let some = lines.iter().take(2);
        some.map(|line| Ok(self.out.send(line.clone())?))
            .collect::<Result<Vec<()>, _>>()
            .map(|written| written.len())
    }

    fn reopen(&mut self) {}

    fn lost(&self, count: u64) -> String {
        format!("{count} lost")
    }

    fn report_failure(&self, _: &WriteError) {}

    fn report_recovery(&self) {}
}

#[test]
fn what_is_left_of_lines_that_were_written_together_comes_again_once_and_in_order() {
    let (sender, out) = mpsc::channel();
    let sink = Limping {
        fails: false,
        out: sender,
    };
    let worker = Worker::start_with("test", sink, 5, FOREVER).unwrap();
    while worker.0.lock().stage != Stage::Lingering {
        thread::yield_now();
    }
    for n in 1..=7 {
        worker.push(n.to_string(), Origin::Privileged);
    }
    // Each failure is tried again at once.
    let mut got = Vec::new();
    assert!(!worker.flush(Instant::now()));
    while got.len() < 6 {
        worker.reopen();
        got.extend(out.recv_timeout(Duration::from_millis(10)));
    }
    assert_eq!(got, ["2 lost", "1", "2", "3", "4", "5"]);
    assert!(worker.flush(Instant::now() + FOREVER));
    assert!(out.try_recv().is_err());
}
