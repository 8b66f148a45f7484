//! List calls of which the SDK has no paginator.

use std::future::Future;

use crate::aws::Result;

/// The items of all pages of a list call. `read` takes the marker of a page, `None` for the first one, and returns the items
/// of that page and the marker of the next one, `None` after the last one.
///
/// Where the SDK has a paginator, use that: `request.into_paginator().items().send().try_collect().await?`.
pub async fn all_pages<T, M, F>(mut read: impl FnMut(Option<M>) -> F) -> Result<Vec<T>>
where
    F: Future<Output = Result<(Vec<T>, Option<M>)>>,
{
    let (mut all, mut marker) = (Vec::new(), None);
    loop {
        let (items, next) = read(marker).await?;
        all.extend(items);
        if next.is_none() {
            return Ok(all);
        }
        marker = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_pages_follows_markers_to_the_last_page() {
        let read = |marker: Option<usize>| async move {
            let page = marker.unwrap_or_default();
            Ok((vec![page * 10, page * 10 + 1], Some(page + 1).filter(|next| *next < 3)))
        };
        assert_eq!(all_pages(read).await.unwrap(), [0, 1, 10, 11, 20, 21]);
    }
}
