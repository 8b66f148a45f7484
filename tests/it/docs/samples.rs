//! Commands with their output, in pages and in recordings, and what differs between two runs.

/// A command and its output, without empty lines. In a page the line `…` stands for any lines.
pub struct Sample {
    pub command: String,
    pub output: Vec<String>,
}

/// What a page has to record, in order.
pub enum Part {
    /// A shell script: a hidden comment, or a block `sh record`.
    Setup(String),
    /// A command of a `console` block.
    Sample(Sample),
}

impl Part {
    pub fn sample(self) -> Option<Sample> {
        match self {
            Part::Setup(_) => None,
            Part::Sample(sample) => Some(sample),
        }
    }
}

/// The scripts and the commands of a page.
pub fn parse_page(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let mut until = |end: &str| lines.by_ref().take_while(|line| *line != end).collect::<Vec<_>>().join("\n");
        match line {
            "<!-- record:" => parts.push(Part::Setup(until("-->"))),
            "```sh record" => parts.push(Part::Setup(until("```"))),
            "```console" => parts.extend(parse_recording(&until("```")).into_iter().map(Part::Sample)),
            _ => {}
        }
    }
    parts
}

/// The commands of a recording.
pub fn parse_recording(text: &str) -> Vec<Sample> {
    let mut samples: Vec<Sample> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        match (line.strip_prefix("$ "), samples.last_mut()) {
            (Some(command), _) => samples.push(Sample { command: command.to_owned(), output: Vec::new() }),
            (None, Some(sample)) => sample.output.push(line.to_owned()),
            (None, None) => panic!("output without a command: {line}"),
        }
    }
    samples
}

/// The line with durations, times and generated ids replaced, which differ in every run.
pub fn normalise(line: &str) -> String {
    let mut normal = String::new();
    let mut before = String::new();
    let mut rest = line;
    while let Some(start) = rest.find(is_word) {
        let end = rest[start..].find(|char| !is_word(char)).map_or(rest.len(), |length| start + length);
        let (gap, word, after) = (&rest[..start], &rest[start..end], &rest[end..]);
        normal.push_str(gap);
        normal.push_str(&normalise_word(&format!("{before}{gap}"), word, after));
        word.clone_into(&mut before);
        rest = after;
    }
    normal + rest
}

fn is_word(char: char) -> bool {
    char.is_ascii_alphanumeric() || ".:-_".contains(char)
}

/// `before` ends with the previous word and what is between, `after` is the rest of the line.
fn normalise_word(before: &str, word: &str, after: &str) -> String {
    if let Some(rest) = word.strip_prefix(':') {
        return format!(":{}", normalise_word(&format!("{before}:"), rest, after));
    }
    if let Some(rest) = word.strip_suffix(':') {
        return normalise_word(before, rest, &format!(":{after}")) + ":";
    }
    // A copy of a sandbox keeps the port of its parent in the URLs of queues.
    if before.ends_with("queue_url = http://") {
        return "127.0.0.1:4566".to_owned();
    }
    let is_number = word.parse::<f64>().is_ok();
    let seconds = after.strip_prefix(" s").is_some_and(|rest| !rest.starts_with(char::is_alphanumeric));
    let took = word.contains('.') || before.ends_with('(') || before.ends_with("calls, ");
    if is_number && (seconds && took || after.starts_with(" ms") || before.ends_with("seconds\":")) {
        return "0.0".to_owned();
    }
    let is_time = |word: &str| word.len() == 8 && word.split(':').count() == 3 && !word.contains(char::is_alphabetic);
    if is_time(word) {
        return "00:00:00".to_owned();
    }
    word.split('.').map(normalise_id).collect::<Vec<_>>().join(".")
}

/// Replaces what AWS generates: `vpc-0123456789abcdef0`, a UUID and what follows it, a hash, the random part of a host name.
fn normalise_id(label: &str) -> String {
    let is_hex = |text: &str, lengths: &[usize]| {
        lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let parts: Vec<&str> = label.split('-').collect();
    let uuid = parts
        .windows(5)
        .position(|five| five.iter().zip([8, 4, 4, 4, 12]).all(|(part, length)| is_hex(part, &[length])));
    let last = parts.len() - 1;
    let generated = match uuid {
        Some(start) => start,
        None if is_hex(parts[last], &[16, 17, 32]) || label.starts_with("cluster-") && parts[last].len() == 12 => last,
        None => return label.to_owned(),
    };
    [&parts[..generated], &["0"]].concat().join("-")
}

#[test]
fn normalise_replaces_what_differs_in_every_run() {
    for (line, normal) in [
        ("created firewall/web-acl (0.2 s)", "created firewall/web-acl (0.0 s)"),
        ("creating transit/transit-gateway … (usually 60 s)", "creating transit/transit-gateway … (usually 60 s)"),
        ("452 created, 0 failed; 973 API calls, 11 s", "452 created, 0 failed; 973 API calls, 0.0 s"),
        ("Plan: 434 unchanged. 210 API calls, 1.7 s.", "Plan: 434 unchanged. 210 API calls, 0.0 s."),
        ("15:16:44 shift 0 % → 10 %, hold 30 s per step", "00:00:00 shift 0 % → 10 %, hold 30 s per step"),
        ("all traffic at blue after 1.0 s and 3 requests", "all traffic at blue after 0.0 s and 3 requests"),
        ("  nat-eeb51f08a04e5134c → nat-66897b9a82ad193b2", "  nat-0 → nat-0"),
        ("can't delete sg-d4f358c713d1cfa3c: it is in use", "can't delete sg-0: it is in use"),
        ("(request id db28e65c-7ac6-4ca4-97d7-16e7557564eb)", "(request id 0)"),
        ("secret:rds!cluster-3099ca02-9479-4dc7-b5d0-b2216b0360bb-yyKhuo", "secret:rds!cluster-0"),
        ("targetgroup/to-blue-blue-dev1-a99c4d/13c3df818447c6e1", "targetgroup/to-blue-blue-dev1-a99c4d/0"),
        ("x = a.cluster-ro-sml56qucrp0h.us-east-1.rds", "x = a.cluster-ro-0.us-east-1.rds"),
        ("{\"api_calls\":206,\"seconds\":2.8}", "{\"api_calls\":206,\"seconds\":0.0}"),
    ] {
        assert_eq!(normalise(line), normal);
    }
}
