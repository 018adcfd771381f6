//! Servers that stop, hang, lie or forget.

use super::proxy::{Manner, Proxy};
use super::*;

fn answer(body: &str) -> Manner {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    Manner::Answer([head.as_bytes(), body.as_bytes()].concat())
}

#[test]
fn a_server_that_hangs_or_answers_garbage_is_left_out_until_it_is_well() {
    let Some(_turn) = turn() else {
        return;
    };
    let node = Node::start();
    let proxy = Proxy::before(node.port());
    let store = hasty(&access(&[proxy.url(), node.url()]));
    store.swap(new(b"a", b"1")).unwrap();
    let endless = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n{}",
        " ".repeat(9 << 20)
    );
    for manner in [
        Manner::Hang,
        answer("<html>"),
        answer(r#"{"header":{"cluster_id":"1","revision":"99"},"succeeded":true,"responses":[]}"#),
        Manner::Answer(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()),
        Manner::Answer(
            b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
                .to_vec(),
        ),
        Manner::Answer(b"HTTP/1.1 500 Oh no\r\nContent-Length: 0\r\n\r\n".to_vec()),
        Manner::Answer(Vec::new()),
        Manner::Answer(endless.into_bytes()),
    ] {
        proxy.be(manner.clone());
        let began = Instant::now();
        for _ in 0..20 {
            assert_eq!(store.load(b"a").unwrap().unwrap().bytes, b"1", "{manner:?}");
        }
        assert!(
            began.elapsed() < Duration::from_secs(4),
            "{:?}",
            began.elapsed()
        );
        proxy.be(Manner::Pass);
        soon("the server is used again", || {
            store
                .core
                .client
                .endpoints()
                .iter()
                .all(endpoint::Endpoint::is_up)
        });
    }
}

#[test]
fn a_change_whose_answer_is_lost_is_made_once_whatever_other_hosts_do_meanwhile() {
    let Some(_turn) = turn() else {
        return;
    };
    let node = Node::start();
    let proxies = [Proxy::before(node.port()), Proxy::before(node.port())];
    let hosts: Vec<EtcdStore> = (0..3)
        .map(|_| open(&access(&[proxies[0].url(), proxies[1].url(), node.url()])))
        .collect();
    proxies[0].be(Manner::Lose(2));
    proxies[1].be(Manner::Lose(3));
    let (done, unknown) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for (number, store) in hosts.iter().enumerate() {
            let (done, unknown) = (&done, &unknown);
            scope.spawn(move || {
                for round in 0..60_u8 {
                    // Each change adds a mark of its own, so that it can be counted.
                    let made = loop {
                        let Ok(old) = store.load_for_swap(b"marks") else {
                            break false;
                        };
                        let mut bytes = old.as_ref().map_or(Vec::new(), |old| old.bytes.clone());
                        bytes.extend([number as u8, round]);
                        let change = Change {
                            expected: old.as_ref().map(|old| &old.revision),
                            ..new(b"marks", &bytes)
                        };
                        match store.swap(change) {
                            Ok(Swap::Done) => break true,
                            Ok(Swap::Conflict) => {}
                            Err(_) => break false,
                        }
                    };
                    let count = if made { done } else { unknown };
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    let (done, unknown) = (done.into_inner() as usize, unknown.into_inner() as usize);
    // Without the proxies.
    let marks = open(&access(&[node.url()]))
        .load(b"marks")
        .unwrap()
        .unwrap()
        .bytes;
    let mut seen: Vec<&[u8]> = marks.chunks(2).collect();
    let count = seen.len();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), count, "none was made twice");
    assert!(
        (done..=done + unknown).contains(&count),
        "{done} acknowledged, {unknown} unknown, {count} made"
    );
    assert!(done > 100, "{done} {unknown}");
}

#[test]
fn another_cluster_and_one_that_went_back_are_refused_though_they_have_the_same_id() {
    let Some(_turn) = turn() else {
        return;
    };
    let (node, other) = (Node::start(), Node::start());
    let proxy = Proxy::before(node.port());
    let store = hasty(&access(&[proxy.url()]));
    for key in [b"a", b"b", b"c"] {
        store.swap(new(key, b"1")).unwrap();
    }
    drop(open(&access(&[other.url()])));
    proxy.turn_to(other.port());
    let error = fails_within(Duration::from_secs(4), || store.load(b"a").map(drop));
    assert!(error.contains("etcd is the cluster"), "{error}");
    let cluster = store.core.client.history.cluster_for_test();
    let older = format!(
        r#"{{"header":{{"cluster_id":"{cluster}","revision":"2"}},"succeeded":true,"responses":[]}}"#
    );
    proxy.be(answer(&older));
    soon("the reason is known", || {
        let error = store.load(b"a").unwrap_err().to_string();
        let down = store.core.client.endpoints()[0].down().unwrap_or_default();
        error.contains("etcd") && down.contains("(revision 2; it had reached")
    });
    proxy.be(Manner::Pass);
    proxy.turn_to(node.port());
    soon("the store works again", || store.load(b"a").is_ok());
}

#[test]
fn a_leader_that_is_killed_costs_no_acknowledged_change() {
    let Some(_turn) = turn() else {
        return;
    };
    let mut nodes = Node::cluster(3, "http", &[]);
    let urls: Vec<String> = nodes.iter().map(Node::url).collect();
    let hosts: Vec<EtcdStore> = (0..2).map(|_| hasty(&access(&urls))).collect();
    let leader = hosts[0].fleet().unwrap().servers();
    let leader = leader
        .iter()
        .position(|server| server.status.as_ref().is_ok_and(|status| status.is_leader));
    let leader = leader.unwrap();
    let is_over = AtomicBool::new(false);
    let made: Vec<Vec<u32>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..6_u32)
            .map(|thread| {
                let (store, is_over) = (&hosts[thread as usize % 2], &is_over);
                scope.spawn(move || {
                    let mut made = Vec::new();
                    for round in 0.. {
                        if is_over.load(Ordering::Relaxed) {
                            break;
                        }
                        let number = thread << 24 | round;
                        if let Ok(Swap::Done) = store.swap(new(&number.to_be_bytes(), b"1")) {
                            made.push(number);
                        }
                        std::thread::sleep(Duration::from_millis(5));
                    }
                    made
                })
            })
            .collect();
        let over = SaysSo(&is_over);
        std::thread::sleep(Duration::from_secs(1));
        nodes[leader].stop();
        soon("changes go on without it", || hosts[0].load(b"x").is_ok());
        std::thread::sleep(Duration::from_secs(1));
        nodes[leader].start_again();
        std::thread::sleep(Duration::from_secs(1));
        drop(over);
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    soon("the store works", || hosts[0].load(b"x").is_ok());
    let acknowledged: Vec<u32> = made.into_iter().flatten().collect();
    assert!(acknowledged.len() > 100, "{}", acknowledged.len());
    for number in &acknowledged {
        assert!(
            hosts[0].load(&number.to_be_bytes()).unwrap().is_some(),
            "{number:x} was acknowledged and is lost"
        );
    }
    // Two of three are stopped: nobody passes, whatever the last one remembers.
    nodes[(leader + 1) % 3].stop();
    nodes[(leader + 2) % 3].stop();
    fails_within(Duration::from_secs(5), || hosts[0].load(b"x").map(drop));
    fails_within(Duration::from_secs(5), || {
        hosts[1].swap(new(b"minority", b"1")).map(drop)
    });
    nodes[(leader + 1) % 3].start_again();
    soon("a majority is back", || hosts[0].load(b"x").is_ok());
}

#[test]
fn a_full_database_is_told_with_the_command_that_helps() {
    let Some(_turn) = turn() else {
        return;
    };
    let mut nodes = Node::cluster(1, "http", &["--quota-backend-bytes=4194304".to_owned()]);
    let node = nodes.pop().unwrap();
    let store = open(&access(&[node.url()]));
    let large = [7; 16 << 10];
    let full =
        (0..2_000_u32).find_map(|number| store.swap(new(&number.to_be_bytes(), &large)).err());
    let full = full.unwrap().to_string();
    assert!(full.contains("etcdctl alarm disarm"), "{full}");
    assert!(
        store.load(&0_u32.to_be_bytes()).unwrap().is_some(),
        "reading goes on"
    );
    let servers = store.fleet().unwrap().servers();
    let complaints = &servers[0].status.as_ref().unwrap().complaints;
    assert!(
        complaints.iter().any(|it| it.contains("NOSPACE")),
        "{complaints:?}"
    );
}

#[test]
fn of_many_changes_those_that_conflict_are_left_out_and_the_others_are_made() {
    let Some(_turn) = turn() else {
        return;
    };
    let node = Node::start();
    let proxy = Proxy::before(node.port());
    let store = open(&access(&[proxy.url(), node.url()]));
    let keys: Vec<String> = (0..200).map(|number| format!("k{number:03}")).collect();
    let all: Vec<_> = keys
        .iter()
        .map(|key| new(key.as_bytes(), key.as_bytes()))
        .collect();
    let (taken, before) = (&all[7..9], &all[150]);
    store.swap_all(taken).unwrap();
    store.swap(*before).unwrap();
    // Each second answer is lost, so the same is asked twice.
    proxy.be(Manner::Lose(2));
    let swaps = store.swap_all(&all).unwrap();
    for (number, (change, swap)) in all.iter().zip(swaps).enumerate() {
        // The bytes are the same, so an attempt of this call could have been the one that made them.
        let expected: &[Swap] = match [7, 8, 150].contains(&number) {
            true => &[Swap::Conflict, Swap::Done],
            false => &[Swap::Done],
        };
        assert!(expected.contains(&swap), "{number}: {swap:?}");
        assert_eq!(store.load(change.key).unwrap().unwrap().bytes, change.key);
    }
}

#[test]
fn while_there_is_no_leader_an_idle_host_asks_seldom_and_it_serves_soon_after() {
    let Some(_turn) = turn() else {
        return;
    };
    let node = Node::start();
    let proxy = Proxy::before(node.port());
    let served = hasty(&access(&[proxy.url()]));
    served.swap(new(b"a", b"1")).unwrap();
    let body = r#"{"error":"etcdserver: no leader","message":"etcdserver: no leader","code":14}"#;
    let head = format!(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let no_leader = Manner::Answer([head.as_bytes(), body.as_bytes()].concat());
    // A login finds it out; and a host whose agent starts in the outage has found no store yet.
    let other = Proxy::before(node.port());
    for proxy in [&proxy, &other] {
        proxy.be(no_leader.clone());
    }
    fails_within(Duration::from_secs(5), || served.load(b"a").map(drop));
    let started = EtcdStore::new(&access(&[other.url()])).unwrap();
    started.start(Arc::new(TakesAll)).unwrap();
    for proxy in [&proxy, &other] {
        let before = proxy.requests();
        std::thread::sleep(Duration::from_secs(10));
        let asked = proxy.requests() - before;
        // At 0.25-0.5, 0.75-1.5, 1.75-3.5, 3.75-7.5, 7.75-15.5 seconds.
        assert!((1..=8).contains(&asked), "{asked} requests in 10 s");
    }
    let healed = Instant::now();
    for proxy in [&proxy, &other] {
        proxy.be(Manner::Pass);
    }
    for store in [&served, &started] {
        soon("it serves", || store.load(b"a").is_ok());
    }
    let took = healed.elapsed();
    assert!(took < Duration::from_secs(12), "{took:?}");
}

/// Remembers whether the store was set back.
#[derive(Default)]
struct Remembers(AtomicBool);

impl Memory for Remembers {
    fn admit(&self, looked: &Looked) -> Result<(), String> {
        TakesAll.admit(looked)
    }

    fn keep(&self, _: u64, _: KnownState) -> bool {
        true
    }

    fn keep_set_back(&self, _: &Looked) -> bool {
        self.0.store(true, Ordering::SeqCst);
        true
    }
}

#[test]
fn a_store_that_was_set_back_and_came_as_far_again_is_noticed_by_a_record_that_contradicts() {
    let Some(_turn) = turn() else {
        return;
    };
    for begins_with_a_swap in [false, true] {
        let mut node = Node::start();
        drop(open(&access(&[node.url()])));
        // Nothing is asked in between, as on a host on which nobody logs in.
        let store = EtcdStore::new(&access(&[node.url()])).unwrap();
        store.core.client.slowness.store(20, Ordering::Relaxed);
        let memory = Remembers::default();
        store.contact(&memory).unwrap();
        assert_eq!(store.swap(new(b"a", b"1")).unwrap(), Swap::Done);
        let one = store.load(b"a").unwrap().unwrap();
        node.save();
        assert_eq!(store.swap(update(b"a", &one, b"2")).unwrap(), Swap::Done);
        let two = store.load_for_swap(b"a").unwrap().unwrap();
        node.set_back("etcd-cluster");
        store.core.client.slowness.store(1, Ordering::Relaxed);
        for number in 0..60 {
            node.etcdctl(&["put", "/foreign", &number.to_string()]);
        }
        let error = match begins_with_a_swap {
            true => store.swap(update(b"a", &two, b"3")).unwrap_err(),
            false => store.load(b"a").unwrap_err(),
        };
        assert!(error.to_string().contains("set back"), "{error}");
        store.load(b"another").unwrap_err();
        let contact = store.contact(&memory).unwrap();
        assert!(matches!(contact, Contact::Refused(..)), "{contact:?}");
        assert!(memory.0.load(Ordering::SeqCst), "later starts know it, too");
        store.load(b"a").unwrap_err();
    }
}

#[test]
fn a_server_that_tells_no_time_is_asked_for_it_after_pauses() {
    let Some(_turn) = turn() else {
        return;
    };
    let node = Node::start();
    drop(open(&access(&[node.url()])));
    let proxy = Proxy::before(node.port());
    proxy.be(Manner::Answer(Vec::new()));
    let _store = open(&access(&[node.url(), proxy.url()]));
    let before = proxy.requests();
    std::thread::sleep(Duration::from_secs(6));
    // After half a second, one, two and four more.
    let asked = proxy.requests() - before;
    assert!(asked <= 6, "{asked}");
}
