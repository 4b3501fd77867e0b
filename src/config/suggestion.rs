//! Guesses what was meant by a name that nobody knows.

/// The known name that is nearest to `written`, if one is near enough to be a slip of the keyboard or
/// a shorter form.
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
    fn slips_are_recognised() {
        for (written, meant) in [
            ("upstrem", "upstream"),
            ("usptream", "upstream"),
            ("Alias", "aliases"),
            ("tsl", "tls"),
            ("redirect", "redirect_from"),
            ("certificate_file", "certificate"),
        ] {
            assert_eq!(nearest(written, KNOWN), Some(meant), "{written}");
        }
    }

    #[test]
    fn something_else_is_not_guessed_at() {
        for written in ["", "x", "server_name", "proxy_pass", "root"] {
            assert_eq!(nearest(written, KNOWN), None, "{written}");
        }
    }
}
