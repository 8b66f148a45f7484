//! The data sync from blue to green: the interface of `lambda/data-sync`.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::function::Function;
use crate::aws::Result;

/// How long an invocation that a person waits for may work before it reports its progress, in seconds.
const INTERACTIVE_SECONDS: u32 = 20;

/// Whether the schedule of the sync is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It runs every minute.
    Started,
    /// It doesn't run.
    Stopped,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// All changes are copied.
    Done,
    /// Its time was up; there are more changes.
    More,
    /// The sync was stopped.
    Stopped,
    /// Another run is active.
    Busy,
    /// It failed.
    Failed,
}

/// The result of a run.
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
    /// Rows that are equal in green.
    #[serde(default)]
    pub unchanged: u64,
    /// Rows that green can't accept.
    #[serde(default)]
    pub quarantined: u64,
    /// How long it took.
    #[serde(default)]
    pub seconds: f64,
    /// Rows read per second.
    pub rows_per_second: Option<f64>,
    /// Every change that blue committed before this time is in green.
    pub watermark: Option<String>,
    /// When it ended.
    pub finished_at: Option<String>,
    /// The error, if it failed.
    pub error: Option<String>,
}

/// The state of the sync.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Whether the schedule is on.
    pub state: State,
    /// A run is active.
    #[serde(default)]
    pub running: bool,
    /// The last completed run.
    pub last_run: Option<Run>,
    /// Every change that blue committed before this time is in green.
    pub watermark: Option<String>,
    /// The age of the watermark.
    pub lag_seconds: Option<f64>,
    /// Rows written to green in all runs.
    #[serde(default)]
    pub copied_total: u64,
    /// Rows deleted from green in all runs.
    #[serde(default)]
    pub deleted_total: u64,
    /// Rows that green can't accept; `None` if unknown.
    pub quarantined: Option<u64>,
    /// Rows left to copy.
    pub remaining: Option<u64>,
    /// Rows per second.
    pub rows_per_second: Option<f64>,
    /// The estimated time for the remaining rows.
    pub seconds_left: Option<f64>,
    /// What has to be set up first, in a sentence.
    pub missing: Option<String>,
}

/// The result of a comparison of both databases, so far.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RowComparison {
    /// Where the comparison resumes; `None` when it is complete.
    pub cursor: Option<Value>,
    /// Later changes aren't compared.
    pub watermark: Option<String>,
    /// The number of compared chunks.
    pub chunks: u64,
    /// The number of compared rows.
    pub rows: Rows,
    /// The number of differing rows.
    pub differing: u64,
    /// Some of the differing rows.
    pub differences: Vec<Difference>,
    /// Rows that green can't accept.
    #[serde(default)]
    pub quarantined: u64,
    /// Rows that green has changed itself: they don't count as differences.
    #[serde(default)]
    pub own_changes: OwnChanges,
    /// What has to be set up before a comparison, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
}

/// Rows that green has changed itself.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct OwnChanges {
    /// The number of rows.
    pub count: u64,
    /// Ids in blue of some of the rows.
    pub ids: Vec<String>,
}

/// The number of rows on each side.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Rows {
    /// Blue.
    pub blue: u64,
    /// Green.
    pub green: u64,
}

/// A row that differs, without its values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The id in blue.
    pub id: String,
    /// `missing` (in green), `extra` (in green) or `differs`.
    pub what: String,
    /// The differing fields.
    #[serde(default)]
    pub fields: Vec<String>,
}

/// The maximum number of listed differences.
const MAX_LISTED: usize = 100;

/// Starts or stops the schedule.
///
/// # Errors
/// The function can't be invoked, or failed.
pub async fn set(function: &Function<'_>, state: State) -> Result<()> {
    let action = match state {
        State::Started => "start",
        State::Stopped => "stop",
    };
    function.call::<Value>(&json!({"action": action})).await.map(drop)
}

/// Reads the state of the sync.
///
/// # Errors
/// The function can't be invoked, or failed.
pub async fn status(function: &Function<'_>) -> Result<Status> {
    function.call(&json!({"action": "status"})).await
}

/// Runs the sync for some seconds, whether the schedule is on or not.
///
/// # Errors
/// The function can't be invoked, or the run failed.
pub async fn run_once(function: &Function<'_>) -> Result<Run> {
    function.call(&json!({"action": "run-once", "seconds": INTERACTIVE_SECONDS})).await
}

/// Compares the next part of both databases, after `so_far`.
///
/// # Errors
/// The function can't be invoked, or failed.
pub async fn verify(function: &Function<'_>, so_far: RowComparison) -> Result<RowComparison> {
    let event = json!({"action": "verify", "cursor": so_far.cursor, "seconds": INTERACTIVE_SECONDS});
    let next: RowComparison = function.call(&event).await?;
    Ok(so_far.and(next))
}

impl RowComparison {
    /// Adds the next part.
    fn and(self, next: RowComparison) -> Self {
        let room = MAX_LISTED.saturating_sub(self.differences.len());
        let differences = self.differences.into_iter().chain(next.differences.into_iter().take(room)).collect();
        let (own, more) = (self.own_changes, next.own_changes);
        let room = MAX_LISTED.saturating_sub(own.ids.len());
        let ids = own.ids.into_iter().chain(more.ids.into_iter().take(room)).collect();
        RowComparison {
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
    fn comparisons_add_up_and_list_some_differences() {
        let difference = |id: usize| Difference { id: id.to_string(), what: "missing".to_owned(), fields: Vec::new() };
        let part = |from: usize, cursor| RowComparison {
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
        assert_eq!((all.differences.len(), &all.differences[99]), (MAX_LISTED, &difference(99)));
        assert_eq!(all.quarantined, 2);
        assert_eq!((all.own_changes.count, all.own_changes.ids.len()), (6, 2));
    }

    #[test]
    fn status_without_a_schema_is_parsed() {
        let status: Status =
            serde_json::from_value(json!({"state": "stopped", "quarantined": null, "missing": "no schema"})).unwrap();
        assert_eq!((status.state, status.missing.as_deref()), (State::Stopped, Some("no schema")));
    }
}
