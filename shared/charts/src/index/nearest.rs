//! The names that are most like one that is not there.

/// Returns the names that could be meant by `wanted`, the likeliest first, `most` at most.
pub(super) fn nearest<'n>(
    wanted: &str,
    names: impl Iterator<Item = &'n str>,
    most: usize,
) -> Vec<&'n str> {
    let length = wanted.chars().count();
    let mut found: Vec<(usize, &str)> = names
        .filter_map(|name| {
            let distance = distance(wanted, name);
            let is_part = length > 2 && (name.contains(wanted) || wanted.contains(name));
            (is_part || distance <= length / 3 + 1).then_some((distance, name))
        })
        .collect();
    found.sort_unstable();
    found.truncate(most);
    found.into_iter().map(|(_, name)| name).collect()
}

/// How many characters have to be put in, taken out or changed to make one of the other (Levenshtein).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (at, left) in left.chars().enumerate() {
        let mut diagonal = at;
        row[0] = at + 1;
        for (index, right) in right.iter().enumerate() {
            let changed = diagonal + usize::from(left != *right);
            diagonal = row[index + 1];
            row[index + 1] = changed.min(diagonal + 1).min(row[index] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(wanted: &str, names: &str, expected: &str) {
        assert_eq!(nearest(wanted, names.split(' '), 3).join(" "), expected, "{wanted}");
    }

    #[test]
    fn names_that_could_be_meant_are_found() {
        check("podinfo2", "redis podinfo nginx", "podinfo");
        check("ngnix", "redis podinfo nginx", "nginx");
        check(
            "prometheus",
            "kube-prometheus-stack redis prometheus-adapter",
            "prometheus-adapter kube-prometheus-stack",
        );
        check("abc", "abd abe abf abg", "abd abe abf");
        check("redis", "nginx", "");
        check("x", "a b", "a b");
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
