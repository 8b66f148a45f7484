//! The data sync from blue to green, as `lambda/data-sync` tells of it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::function::Function;
use crate::aws::Result;

/// How long a call that people wait for may work before it tells how far it is, in seconds.
const A_WHILE: u32 = 20;

/// Whether it runs every minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It does.
    Started,
    /// It doesn't.
    Stopped,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// All that could be seen is taken over.
    Done,
    /// Its time was over before.
    More,
    /// Somebody stopped the sync.
    Stopped,
    /// Another run is at work.
    Busy,
    /// It broke off.
    Failed,
}

/// What a run did.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// How it ended.
    pub outcome: Outcome,
    /// Rows written to green.
    #[serde(default)]
    pub copied: u64,
    /// Rows deleted from green.
    #[serde(default)]
    pub deleted: u64,
    /// Rows that green had already.
    #[serde(default)]
    pub unchanged: u64,
    /// Rows that can't be taken over as they are.
    #[serde(default)]
    pub quarantined: u64,
    /// How long it took.
    #[serde(default)]
    pub seconds: f64,
    /// Rows read a second.
    pub rows_per_second: Option<f64>,
    /// All that blue had committed by then is in green.
    pub watermark: Option<String>,
    /// When it ended.
    pub finished_at: Option<String>,
    /// Why it broke off.
    pub error: Option<String>,
}

/// How the sync is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Whether it runs every minute.
    pub state: State,
    /// A run is at work.
    #[serde(default)]
    pub running: bool,
    /// The last run that ended.
    pub last_run: Option<Run>,
    /// All that blue had committed by then is in green.
    pub watermark: Option<String>,
    /// How far behind green is.
    pub lag_seconds: Option<f64>,
    /// Rows written to green, ever.
    #[serde(default)]
    pub copied_total: u64,
    /// Rows deleted from green, ever.
    #[serde(default)]
    pub deleted_total: u64,
    /// Rows that can't be taken over as they are; `None` while green doesn't tell.
    pub quarantined: Option<u64>,
    /// Rows that are left to take over.
    pub remaining: Option<u64>,
    /// Rows a second.
    pub rows_per_second: Option<f64>,
    /// How long the rest takes at that rate.
    pub seconds_left: Option<f64>,
    /// What isn't there yet, in a sentence.
    pub missing: Option<String>,
}

/// What a comparison of both databases found so far.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// Where it goes on; `None` when all is compared.
    pub cursor: Option<Value>,
    /// What was committed later isn't compared.
    pub watermark: Option<String>,
    /// Parts that were compared.
    pub chunks: u64,
    /// Rows that were compared.
    pub rows: Rows,
    /// Rows that differ.
    pub differing: u64,
    /// Some of them.
    pub differences: Vec<Difference>,
    /// Rows that can't be taken over as they are, and so aren't in green.
    #[serde(default)]
    pub quarantined: u64,
    /// Rows that green has changed since on its own: they are no differences.
    #[serde(default)]
    pub own_changes: OwnChanges,
    /// Why nothing can be compared yet, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
}

/// Rows that green has changed since on its own.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct OwnChanges {
    /// How many there are.
    pub count: u64,
    /// Blue's ids of some of them.
    pub ids: Vec<String>,
}

/// How many rows each side has.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Rows {
    /// Blue.
    pub blue: u64,
    /// Green.
    pub green: u64,
}

/// A row that differs. Its values aren't told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Blue's id of it.
    pub id: String,
    /// `missing` in green, `extra` there, `differs`.
    pub what: String,
    /// Which fields differ.
    #[serde(default)]
    pub fields: Vec<String>,
}

/// The most differences that are told one by one.
const TOLD: usize = 100;

/// Has it run every minute, or not any more.
///
/// # Errors
/// The function can't be called, or failed.
pub async fn set(function: &Function<'_>, state: State) -> Result<()> {
    let action = match state {
        State::Started => "start",
        State::Stopped => "stop",
    };
    function.call::<Value>(&json!({"action": action})).await.map(drop)
}

/// How it is.
///
/// # Errors
/// The function can't be called, or failed.
pub async fn status(function: &Function<'_>) -> Result<Status> {
    function.call(&json!({"action": "status"})).await
}

/// Lets it run for a while, whether it is started or not.
///
/// # Errors
/// The function can't be called, or the run failed.
pub async fn run_once(function: &Function<'_>) -> Result<Run> {
    function.call(&json!({"action": "run-once", "seconds": A_WHILE})).await
}

/// Compares a part of both databases; goes on where `so_far` stopped.
///
/// # Errors
/// The function can't be called, or failed.
pub async fn verify(function: &Function<'_>, so_far: Comparison) -> Result<Comparison> {
    let event = json!({"action": "verify", "cursor": so_far.cursor, "seconds": A_WHILE});
    let next: Comparison = function.call(&event).await?;
    Ok(so_far.and(next))
}

impl Comparison {
    fn and(self, next: Comparison) -> Self {
        let room = TOLD.saturating_sub(self.differences.len());
        let differences = self.differences.into_iter().chain(next.differences.into_iter().take(room)).collect();
        let (own, more) = (self.own_changes, next.own_changes);
        let room = TOLD.saturating_sub(own.ids.len());
        let ids = own.ids.into_iter().chain(more.ids.into_iter().take(room)).collect();
        Comparison {
            cursor: next.cursor,
            watermark: next.watermark.or(self.watermark),
            chunks: self.chunks + next.chunks,
            rows: Rows { blue: self.rows.blue + next.rows.blue, green: self.rows.green + next.rows.green },
            differing: self.differing + next.differing,
            differences,
            quarantined: self.quarantined + next.quarantined,
            own_changes: OwnChanges { count: own.count + more.count, ids },
            missing: next.missing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_comparison_add_up_and_only_some_differences_are_told() {
        let difference = |id: usize| Difference { id: id.to_string(), what: "missing".to_owned(), fields: Vec::new() };
        let part = |from: usize, cursor| Comparison {
            cursor,
            watermark: Some("2026-01-01T00:00:00Z".to_owned()),
            chunks: 2,
            rows: Rows { blue: 70, green: 0 },
            differing: 70,
            differences: (from..from + 70).map(difference).collect(),
            quarantined: 1,
            own_changes: OwnChanges { count: 3, ids: vec!["1".to_owned()] },
            missing: None,
        };
        let all = part(0, Some(json!({"after": 70}))).and(part(70, None));
        assert_eq!((all.cursor, all.chunks, all.rows.blue, all.differing), (None, 4, 140, 140));
        assert_eq!((all.differences.len(), &all.differences[99]), (TOLD, &difference(99)));
        assert_eq!(all.quarantined, 2);
        assert_eq!((all.own_changes.count, all.own_changes.ids.len()), (6, 2));
    }

    #[test]
    fn what_was_never_migrated_is_told_in_a_sentence() {
        let status: Status =
            serde_json::from_value(json!({"state": "stopped", "quarantined": null, "missing": "no schema"})).unwrap();
        assert_eq!((status.state, status.missing.as_deref()), (State::Stopped, Some("no schema")));
    }
}
