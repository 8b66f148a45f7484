//! Damaged states, full disks, unwritable folders: each is reported at once, and nothing is lost.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;

use provisioner::state::journal::Entry;
use provisioner::state::{Intent, State, Store};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::support::cli::{Run, Started};
use crate::support::{Cli, Proxy, Sandbox};

const REGIONS: [&str; 2] = ["us-east-1", "us-east-2"];
const APPLY: [&str; 4] = ["apply", "--suffix", "dev1", "--json"];

async fn on(cli: &Cli, arguments: &[&str]) -> Run {
    cli.run(&[arguments, &["--suffix", "dev1"]].concat()).await
}

/// The steps of these events.
fn steps(run: &Run, event: &str) -> BTreeSet<String> {
    let events = run.events().into_iter().filter(|line| line["type"] == event);
    events.filter_map(|line| line["step"].as_str().map(str::to_owned)).collect()
}

/// The steps under this key of the state.
fn recorded(state: &Value, key: &str) -> BTreeSet<String> {
    state[key].as_object().into_iter().flat_map(|all| all.keys().cloned()).collect()
}

#[tokio::test]
async fn full_disk_stops_the_run_and_the_next_resumes() {
    let sandbox = Sandbox::fresh().await;
    let proxy = Proxy::before(&sandbox);
    let mut cli = Cli::through(&proxy);
    // The state is written before the first resource is created. From then on there is no space for another one.
    let (whole, part) = (cli.state_folder().join("dev1.json"), cli.state_folder().join("dev1.json.new"));
    let full = part.clone();
    proxy.on_call(move |call| {
        if call.is_change && !full.is_symlink() {
            symlink("/dev/full", &full).unwrap();
        }
        None
    });
    cli.set_largest_file(Some(64 * 1024));
    let run = cli.run(&APPLY).await.exits(1);
    let run = run.says("can't write the journal state/dev1.journal: File too large");
    let run = run.explains("can't write the state file state/dev1.json: No space left on device");
    let run = run.explains("check that the folder exists, is writable and has free space");
    proxy.pass_all();

    // Everything created is recorded, in a step or an intent.
    let state: Value = serde_json::from_str(&on(&cli, &["state", "pull"]).await.ok().stdout).expect("JSON");
    let (existing, intended) = (recorded(&state, "steps"), recorded(&state, "intents"));
    assert!(existing.is_superset(&steps(&run, "step_done")), "{:?}", &steps(&run, "step_done") - &existing);
    let account = sandbox.account(&REGIONS).await;
    let tags = account.things().filter_map(|(_, _, _, thing)| thing.tags.as_ref());
    let made: BTreeSet<String> = tags.filter_map(|tags| tags.get("provisioner:step").cloned()).collect();
    assert!(made.len() > 5, "{made:?}");
    assert!(made.is_subset(&(&existing | &intended)), "not recorded: {:?}", &(&made - &existing) - &intended);

    // While the disk is full, no step starts.
    let before = (fs::read(&whole).unwrap(), sandbox.changes().len());
    symlink("/dev/full", &part).unwrap();
    cli.run(&APPLY).await.exits(1).explains("can't write the state file state/dev1.json: No space left on device");
    assert!((fs::read(&whole).unwrap(), sandbox.changes().len()) == before, "something was changed");

    cli.set_largest_file(None);
    let summary = cli.run(&APPLY).await.ok().summary();
    assert_eq!(summary.failed, 0);
    assert!(summary.created > 200, "{summary:?}");
    sandbox.account(&REGIONS).await.assert_no_twins();
    on(&cli, &["plan", "--detailed-exitcode"]).await.ok();
}

/// Folders in which not even root can create a file.
const READ_ONLY: [(&str, &str); 2] = [
    ("/sys/kernel", "can't open the lock /sys/kernel/dev1.lock: "),
    ("/dev/null/states", "can't read the state file /dev/null/states/dev1.json: Not a directory"),
];

#[tokio::test]
async fn unwritable_state_folder_fails_before_any_create() {
    let sandbox = Sandbox::fresh().await;
    let cli = Cli::new(&sandbox);
    for (folder, why) in READ_ONLY {
        let run = on(&cli, &["apply", "--state", folder]).await.exits(1);
        run.explains(why).explains("check that the folder exists, is writable").never_says("panicked");
        assert_eq!(sandbox.changes(), [""; 0], "{folder}");
    }
    // A file instead of the folder.
    fs::write(cli.state_folder(), "").unwrap();
    on(&cli, &["apply"]).await.exits(1).explains("can't read the state file state/dev1.json: Not a directory");
    assert_eq!(sandbox.changes(), [""; 0]);
}

#[tokio::test]
async fn concurrent_applies_exclude_each_other_and_dead_lock_frees() {
    let sandbox = Sandbox::fresh().await;
    let cli = Cli::new(&sandbox);
    let runs = [cli.start(&APPLY), cli.start(&APPLY)];
    let pids = runs.each_ref().map(Started::pid);
    let ends = runs.map(|run| Box::pin(run.finish()));
    let (refused, which, mut rest) = futures::future::select_all(ends).await;
    let working = pids[1 - which];
    let holder = format!("`provisioner apply`, process {working}, since 20");
    refused.exits(1).explains(&format!("another run holds the lock state/dev1.lock: {holder}"));

    kill_process(Pid::from_raw(working.cast_signed()).unwrap(), Signal::KILL).unwrap();
    assert_eq!(rest.remove(0).await.code, None, "the working run was killed");
    let lock = cli.state_folder().join("dev1.lock");
    assert!(fs::read_to_string(&lock).unwrap().starts_with(&holder), "the killed run's");
    let third = cli.start(&APPLY);
    third.says("step_started").await;
    assert!(fs::read_to_string(&lock).unwrap().contains(&format!("process {}, since 20", third.pid())));
}

/// A completed step.
fn done(step: &str) -> Entry {
    Entry::Done { step: step.into(), record: Box::new(intent(step).fulfilled(json!({"id": step}))) }
}

fn intent(step: &str) -> Intent {
    Intent {
        kind: "sqs.queue".to_owned(),
        region: "us-east-1".to_owned(),
        spec: json!({"name": step}),
        tags: [("provisioner:step".to_owned(), step.to_owned())].into(),
        dependencies: BTreeSet::new(),
        token: "token".to_owned(),
        shared: false,
    }
}

/// A state of the steps `a` and `b`, each recorded by a run of its own.
async fn a_and_b(store: &Store) {
    for step in ["a", "b"] {
        let fresh = || State::new("lambda-mysql", "dev1", "123456789012", "us-east-1");
        let session = store.open("dev1", "provisioner apply", fresh).await.unwrap();
        session.record([done(step)]).await.unwrap();
        session.finish().await.unwrap();
    }
}

async fn listed(cli: &Cli) -> Vec<String> {
    let run = on(cli, &["state", "list", "--json"]).await.ok();
    run.events().iter().filter_map(|line| line["step"].as_str().map(str::to_owned)).collect()
}

#[tokio::test]
async fn damaged_state_is_restored_from_a_generation() {
    let cli = Cli::offline();
    a_and_b(&Store::folder(cli.state_folder())).await;
    let path = cli.state_folder().join("dev1.json");
    let whole = fs::read(&path).unwrap();
    let flipped = |bit: u8| {
        let mut bytes = whole.clone();
        bytes[whole.len() / 2] ^= bit;
        bytes
    };
    let cut = |length: usize| whole[..length].to_vec();
    for damaged in [cut(0), cut(whole.len() / 2), cut(whole.len() - 1), flipped(1), flipped(0x80)] {
        fs::write(&path, &damaged).unwrap();
        let run = on(&cli, &["state", "list"]).await.exits(1);
        run.explains("the state state/dev1.json is damaged").explains("`provisioner state history ");
        assert!(fs::read(&path).unwrap() == damaged, "it was changed");

        let generations = on(&cli, &["state", "history", "--json"]).await.ok().events();
        let kept: Vec<_> = generations.iter().filter(|one| one["current"] == false).collect();
        // The newest may be a damaged one, of the round before.
        let mut restored = false;
        for one in kept {
            let id = one["generation"].as_str().unwrap();
            let run = on(&cli, &["state", "restore", id]).await;
            if run.code == Some(0) {
                restored = true;
                break;
            }
            run.exits(1).explains("is damaged");
        }
        assert!(restored, "no generation can be restored");
        assert_eq!(listed(&cli).await, ["a"]);
        // The damaged state is kept as well.
        let kept = fs::read_dir(cli.state_folder().join("dev1.generations")).unwrap().flatten();
        assert!(kept.map(|one| fs::read(one.path()).unwrap()).any(|text| text == damaged));
    }
}

#[tokio::test]
async fn damaged_journal_names_its_line_and_can_be_skipped() {
    let cli = Cli::offline();
    let store = Store::folder(cli.state_folder());
    a_and_b(&store).await;
    let session = store.open("dev1", "provisioner apply", || panic!("there is one")).await.unwrap();
    let intended = Entry::Intent { step: "c".into(), intent: Box::new(intent("c")) };
    session.record([done("b"), intended]).await.unwrap();
    drop(session);
    on(&cli, &["state", "list"]).await.ok().says("intent recorded, creation not confirmed");

    let (path, state) =
        (cli.state_folder().join("dev1.journal"), fs::read(cli.state_folder().join("dev1.json")).unwrap());
    let damaged = fs::read_to_string(&path).unwrap().replacen("sqs.queue", "sqs.queud", 1);
    fs::write(&path, &damaged).unwrap();
    for command in [&["list"][..], &["rm", "a"]] {
        let run = on(&cli, &[&["state"], command].concat()).await.exits(1);
        run.explains("the journal state/dev1.journal is damaged: line 2: its checksum is")
            .explains("nothing was changed");
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), damaged);
    assert!(fs::read(cli.state_folder().join("dev1.json")).unwrap() == state, "it was changed");

    on(&cli, &["state", "push", "state/dev1.json", "--force"]).await.ok();
    assert_eq!(listed(&cli).await, ["a", "b"]);
}
