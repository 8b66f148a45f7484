//! Chaos: every fifth call fails, and a system is created, changed and destroyed all the same. Permanent errors aren't
//! retried. What AWS doesn't show at once isn't created twice.

mod calls;
mod faults;
mod life;

use std::time::Duration;

use futures::StreamExt;

use crate::support::proxy::{Fault, Reach, Refusal};
use life::{Life, Story};

/// How many seeds `just chaos` takes.
const SEEDS: u64 = 20;
/// How many lives run at once: two servers and two tools occupy a small machine.
const AT_ONCE: usize = 2;

#[tokio::test]
async fn system_lifecycle_survives_every_fifth_call_failing() {
    let story = Life::begin().await.in_chaos(1).await;
    eprintln!("{story}");
    assert!(story.kinds_of_faults() >= 8, "{story}");
    assert!(story.permanent_errors() >= 5, "{story}");
}

/// The first answer to each changing call never arrives.
#[tokio::test]
#[ignore = "takes long: `just chaos`"]
async fn lost_responses_are_resolved_within_the_run() {
    let lost = [Fault::Refuse(Refusal::InternalFailure, Reach::Processed), Fault::Reset(Reach::Processed), Fault::Cut];
    Life::begin().await.with_each_change_failing_once(lost).await;
}

/// AWS never receives the first request of each changing call.
#[tokio::test]
#[ignore = "takes long: `just chaos`"]
async fn unsent_requests_are_repeated_within_the_run() {
    let unsent = [
        Fault::Refuse(Refusal::InternalFailure, Reach::Unsent),
        Fault::Refuse(Refusal::Unavailable, Reach::Unsent),
        Fault::Reset(Reach::Unsent),
    ];
    Life::begin().await.with_each_change_failing_once(unsent).await;
}

#[tokio::test]
async fn delayed_visibility_creates_no_duplicates() {
    Life::begin().await.unseen_for(Duration::from_millis(500)).await;
}

#[tokio::test]
#[ignore = "waits long: `just chaos`"]
async fn two_second_visibility_delay_creates_no_duplicates() {
    Life::begin().await.unseen_for(Duration::from_secs(2)).await;
}

/// `CHAOS_SEEDS` is how many, or which (`7-9`).
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "takes long: `just chaos`"]
async fn all_seeds() {
    let seeds = std::env::var("CHAOS_SEEDS").ok().filter(|text| !text.is_empty());
    let number = |text: &str| text.parse::<u64>().expect("CHAOS_SEEDS is a number or two: 20, 7-9");
    let (first, last) = match seeds.as_deref() {
        None => (1, SEEDS),
        Some(text) => text.split_once('-').map_or((1, number(text)), |(first, last)| (number(first), number(last))),
    };
    let lives = futures::stream::iter(first..=last).map(|seed| async move {
        let life = tokio::spawn(async move { Life::begin().await.in_chaos(seed).await });
        let result = life.await.map_err(|_| seed);
        match &result {
            Ok(story) => eprintln!("{story}"),
            Err(seed) => eprintln!("seed {seed} failed, see above"),
        }
        result
    });
    let results: Vec<Result<Story, u64>> = lives.buffer_unordered(AT_ONCE).collect().await;
    let wrong: Vec<u64> = results.iter().filter_map(|result| result.as_ref().err().copied()).collect();
    eprintln!("{}", Story::total(results.into_iter().filter_map(Result::ok)));
    assert_eq!(wrong, [0; 0], "these seeds failed");
}
