//! 80-column text layout with headings, labels and optional color.

use anstyle::{AnsiColor, Style};

/// Plain or colored text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OutputStyle {
    Plain,
    /// With ANSI escape sequences for colors.
    Colored,
}

/// Emphasis of a table cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextTone {
    Neutral,
    Good,
    Dimmed,
    Warning,
    Error,
}

/// Text output with headings and rows.
pub(super) struct TextPage {
    text: String,
    style: OutputStyle,
}

impl TextTone {
    fn style(self) -> Style {
        match self {
            TextTone::Neutral => Style::new(),
            TextTone::Good => AnsiColor::Green.on_default(),
            TextTone::Dimmed => Style::new().dimmed(),
            TextTone::Warning => AnsiColor::Yellow.on_default(),
            TextTone::Error => AnsiColor::Red.on_default(),
        }
    }
}

impl TextPage {
    pub(super) fn new(style: OutputStyle) -> TextPage {
        TextPage { text: String::new(), style }
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    /// Appends a heading, with an empty line before it unless it is the first.
    pub(super) fn heading(&mut self, text: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        let text = self.painted(text, Style::new().bold());
        self.line(&text);
    }

    /// Appends a label with its value. A long value wraps at spaces; a single word is never split.
    pub(super) fn row(&mut self, label: &str, value: &str) {
        self.row_with_tone(TextTone::Neutral, label, value);
    }

    /// Appends a row whose label has a tone.
    pub(super) fn row_with_tone(&mut self, tone: TextTone, label: &str, value: &str) {
        if label.chars().count() >= LABEL {
            let label = self.painted(label, tone.style());
            self.line(&format!("  {label}"));
            return self.row("", value);
        }
        let mut line = format!("  {}", self.painted(&format!("{label:<LABEL$}"), tone.style()));
        let mut column = 2 + LABEL;
        let mut empty = true;
        for word in value.split(' ') {
            let length = word.chars().count();
            if !empty && column + 1 + length > WIDTH {
                self.line(&line);
                line = " ".repeat(2 + LABEL);
                column = 2 + LABEL;
                empty = true;
            }
            column += length + usize::from(!empty);
            line += if empty { "" } else { " " };
            line += word;
            empty = false;
        }
        self.line(&line);
    }

    fn line(&mut self, text: &str) {
        self.text.push_str(text.trim_end());
        self.text.push('\n');
    }

    fn painted(&self, text: &str, style: Style) -> String {
        match self.style {
            OutputStyle::Plain => text.to_owned(),
            OutputStyle::Colored => format!("{style}{text}{style:#}"),
        }
    }
}

/// Columns of the page.
const WIDTH: usize = 80;

/// Columns of the labels; wide enough for most addresses.
const LABEL: usize = 17;

#[cfg(test)]
mod tests {
    use super::*;

    fn written(style: OutputStyle) -> String {
        let mut page = TextPage::new(style);
        page.heading("settings");
        page.row_with_tone(TextTone::Error, "7 refused", &"word ".repeat(20));
        page.into_text()
    }

    #[test]
    fn a_colored_page_without_escape_sequences_equals_the_plain_page() {
        let colored = written(OutputStyle::Colored);
        let mut plain = String::new();
        for part in colored.split('\u{1b}') {
            plain += part.split_once('m').filter(|_| part.starts_with('[')).map_or(part, |(_, text)| text);
        }
        assert_ne!(colored, plain);
        assert_eq!(plain, written(OutputStyle::Plain));
    }

    #[test]
    fn rows_fit_the_page_width() {
        let page = written(OutputStyle::Plain);
        assert!(page.lines().all(|line| line.chars().count() <= WIDTH), "{page}");
        assert_eq!(page.lines().count(), 3, "{page}");
    }
}
