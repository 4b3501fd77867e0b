//! Finds the known name closest to a misspelt one.

/// Returns the known name closest to `written` without regard to case. `None` if the edit distance exceeds a
/// third of the length (at least 1) and neither name is a prefix of the other.
///
/// ```
/// use gatepost::config::suggestion::nearest;
///
/// assert_eq!(nearest("upstrem", ["upstream", "aliases"]), Some("upstream"));
/// assert_eq!(nearest("proxy_pass", ["upstream", "aliases"]), None);
/// ```
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let written = written.to_lowercase();
    let tolerance = (written.chars().count() / 3).max(1);
    let rate = |name: &'a str| {
        let distance = strsim::osa_distance(&written, &name.to_lowercase());
        let extends = written.len() >= 4 && (name.starts_with(&*written) || written.starts_with(name));
        (distance <= tolerance || extends).then_some((distance, name))
    };
    known.into_iter().filter_map(rate).min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 5] = ["upstream", "aliases", "tls", "redirect_from", "certificate"];

    #[test]
    fn typing_errors_are_corrected() {
        for (written, suggestion) in [
            ("upstrem", "upstream"),
            ("usptream", "upstream"),
            ("Alias", "aliases"),
            ("tsl", "tls"),
            ("redirect", "redirect_from"),
            ("certificate_file", "certificate"),
        ] {
            assert_eq!(nearest(written, KNOWN), Some(suggestion), "{written}");
        }
    }

    #[test]
    fn unrelated_names_have_no_suggestion() {
        for written in ["", "x", "server_name", "proxy_pass", "root"] {
            assert_eq!(nearest(written, KNOWN), None, "{written}");
        }
    }
}
