use aws_sdk_dynamodb::types::{StreamSpecification, StreamViewType, TableDescription};
use serde::{Deserialize, Serialize};

use crate::resources::tags::Built;

/// What the stream of a table contains of a changed item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamView {
    /// Its key.
    KeysOnly,
    /// The item after the change.
    NewImage,
    /// The item before the change.
    OldImage,
    /// Both.
    NewAndOldImages,
}

impl StreamView {
    pub(super) fn to_sdk(self) -> StreamViewType {
        match self {
            StreamView::KeysOnly => StreamViewType::KeysOnly,
            StreamView::NewImage => StreamViewType::NewImage,
            StreamView::OldImage => StreamViewType::OldImage,
            StreamView::NewAndOldImages => StreamViewType::NewAndOldImages,
        }
    }

    /// The view of a table's stream; `None` if it has no stream. AWS lists a disabled stream for a day.
    pub(super) fn of_table(table: &TableDescription) -> Option<Self> {
        let stream = table.stream_specification().filter(|stream| stream.stream_enabled())?;
        match stream.stream_view_type()? {
            StreamViewType::KeysOnly => Some(StreamView::KeysOnly),
            StreamViewType::NewImage => Some(StreamView::NewImage),
            StreamViewType::OldImage => Some(StreamView::OldImage),
            StreamViewType::NewAndOldImages => Some(StreamView::NewAndOldImages),
            _ => None,
        }
    }
}

/// A stream with this view, or none.
pub(super) fn specification(view: Option<StreamView>) -> StreamSpecification {
    let specification = StreamSpecification::builder().stream_enabled(view.is_some());
    specification.set_stream_view_type(view.map(StreamView::to_sdk)).build().built()
}
