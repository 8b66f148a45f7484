//! A minimal XML reader for AWS's responses: removes entries of lists.

use std::ops::Range;

/// An element of an answer.
struct Element<'a> {
    tag: &'a str,
    /// From `<` to `>`.
    whole: Range<usize>,
    /// The position of its own text.
    text: Vec<Range<usize>>,
    children: Vec<Element<'a>>,
}

/// The text without the entries of lists that say something hidden of themselves. What only a list inside an entry says
/// is taken out there.
pub fn without_entries(text: &str, is_hidden: &dyn Fn(&str) -> bool) -> String {
    let mut gone = Vec::new();
    for element in &parse(text) {
        find(text, element, is_hidden, &mut gone);
    }
    let mut left = String::with_capacity(text.len());
    let mut at = 0;
    for range in gone {
        left.push_str(&text[at..range.start]);
        at = range.end;
    }
    left + &text[at..]
}

/// The own text of each list entry, outer entries first.
pub fn entries(text: &str) -> Vec<String> {
    fn gather(text: &str, element: &Element<'_>, into: &mut Vec<String>) {
        for child in &element.children {
            if is_entry(element, child) {
                let mut own = String::new();
                collect(text, child, &mut own);
                into.push(own);
            }
            gather(text, child, into);
        }
    }
    let mut entries = Vec::new();
    parse(text).iter().for_each(|element| gather(text, element, &mut entries));
    entries
}

fn find(text: &str, element: &Element<'_>, is_hidden: &dyn Fn(&str) -> bool, gone: &mut Vec<Range<usize>>) {
    for child in &element.children {
        let mut own = String::new();
        collect(text, child, &mut own);
        if is_entry(element, child) && is_hidden(&own) {
            gone.push(child.whole.clone());
        } else {
            find(text, child, is_hidden, gone);
        }
    }
}

/// The own text of an element, without nested lists.
fn collect(text: &str, element: &Element<'_>, into: &mut String) {
    for range in &element.text {
        into.push_str(&text[range.clone()]);
        into.push('\n');
    }
    for child in element.children.iter().filter(|child| !is_entry(element, child)) {
        collect(text, child, into);
    }
}

/// `<item>`, `<member>`, or `<DBCluster>` in `<DBClusters>`.
fn is_entry(list: &Element<'_>, entry: &Element<'_>) -> bool {
    let longer = list.tag.len() > entry.tag.len() && list.tag.starts_with(entry.tag);
    longer || matches!(entry.tag, "item" | "member")
}

fn parse(text: &str) -> Vec<Element<'_>> {
    // The outermost contains elements without a parent.
    let mut open = vec![Element { tag: "", whole: 0..text.len(), text: Vec::new(), children: Vec::new() }];
    let mut at = 0;
    while let Some(start) = text[at..].find('<').map(|found| at + found) {
        let Some(end) = text[start..].find('>').map(|found| start + found + 1) else { break };
        let inner = &text[start + 1..end - 1];
        let innermost = open.last_mut().expect("the outermost is never closed");
        innermost.text.push(at..start);
        at = end;
        let tag = inner.trim_end_matches('/').split_ascii_whitespace().next().unwrap_or_default();
        if inner.starts_with(['?', '!']) {
            continue;
        }
        if inner.starts_with('/') {
            if open.len() > 1
                && let Some(mut closed) = open.pop()
            {
                closed.whole.end = end;
                open.last_mut().expect("the outermost is never closed").children.push(closed);
            }
        } else {
            let element = Element { tag, whole: start..end, text: Vec::new(), children: Vec::new() };
            if inner.ends_with('/') { innermost.children.push(element) } else { open.push(element) }
        }
    }
    open.swap_remove(0).children
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xml_entry_is_hidden_by_its_own_fields_only() {
        let text = "<?xml version=\"1.0\"?><Answer><tables><item><id>old</id><routes><item><to>new</to></item>\
                    <item><to>igw</to></item></routes></item><item><id>new</id><routes/></item></tables></Answer>";
        let left = without_entries(text, &|own| own.contains("new"));
        let expected = "<?xml version=\"1.0\"?><Answer><tables><item><id>old</id><routes>\
                      <item><to>igw</to></item></routes></item></tables></Answer>";
        assert_eq!(left, expected);
        let clusters =
            "<DBClusters><DBCluster><Id>new</Id></DBCluster><DBCluster><Id>old</Id></DBCluster></DBClusters>";
        let left = without_entries(&format!("<R>{clusters}</R>"), &|own| own.contains("new"));
        assert_eq!(left, "<R><DBClusters><DBCluster><Id>old</Id></DBCluster></DBClusters></R>");
    }
}
