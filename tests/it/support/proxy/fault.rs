//! The faults of a call.

use std::time::Duration;

use super::answers::Refusal;
use super::call::Call;

/// When the tool is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// Before the request is sent on: it is journalled, and AWS never hears of it.
    BeforeSend,
    /// After AWS has processed the request, before the answer arrives.
    BeforeAnswer,
    /// Right after the answer has arrived.
    AfterAnswer,
}

/// How far a call came that gets no proper answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// AWS never hears of it.
    Unsent,
    /// AWS has processed it.
    Processed,
}

/// The fault of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// SIGKILL to the tool, see [`Proxy::may_kill`](super::Proxy::may_kill).
    Kill(Moment),
    /// This error in the place of the answer.
    Refuse(Refusal, Reach),
    /// The connection is reset in the place of an answer.
    Reset(Reach),
    /// The answer says how long its body is, and the body ends before.
    Cut,
    /// It is sent on so much later.
    Delay(Duration),
}

impl Fault {
    /// The transient faults: a retry succeeds.
    pub const TRANSIENT: [Fault; 10] = [
        Fault::Refuse(Refusal::Throttling, Reach::Unsent),
        Fault::Refuse(Refusal::InternalFailure, Reach::Unsent),
        Fault::Refuse(Refusal::InternalFailure, Reach::Processed),
        Fault::Refuse(Refusal::Unavailable, Reach::Unsent),
        Fault::Refuse(Refusal::Unavailable, Reach::Processed),
        Fault::Refuse(Refusal::RequestTimeout, Reach::Unsent),
        Fault::Reset(Reach::Unsent),
        Fault::Reset(Reach::Processed),
        Fault::Cut,
        Fault::Delay(Duration::from_millis(50)),
    ];
}

/// Chooses the fault of each call; called in their order, one at a time.
pub type Judge = Box<dyn FnMut(&Call) -> Option<Fault> + Send>;

/// This happens to the `nth` change, counted from 1, and to no other call.
pub fn at_change(nth: usize, fault: Fault) -> impl FnMut(&Call) -> Option<Fault> + Send {
    let mut changes = 0;
    move |call| {
        changes += usize::from(call.is_change);
        (call.is_change && changes == nth).then_some(fault)
    }
}

/// Makes this percentage of all calls fail. The same seed chooses the same calls, in any order.
pub fn by_chance(seed: u64, percent: u64, faults: &'static [Fault]) -> impl FnMut(&Call) -> Option<Fault> + Send {
    move |call| {
        let dice = call.dice(seed);
        let fault = faults[(dice / 100) as usize % faults.len()];
        (dice % 100 < percent).then_some(fault)
    }
}
