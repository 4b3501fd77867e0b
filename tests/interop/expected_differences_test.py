"""Ties the expected differences of nginx_conformity.py to the headings of docs/differences-from-nginx.md."""

import unittest

from conformity.expected import DOCUMENT, EXPECTED, missing_headings


class Headings(unittest.TestCase):
    def test_the_document_has_each_heading(self):
        self.assertEqual(missing_headings(DOCUMENT.read_text()), [])

    def test_the_message_names_the_missing_heading_and_a_similar_one(self):
        text = "\n".join(f"### {heading}" for heading in EXPECTED).replace("The Date header", "The date header")
        (message,) = missing_headings(text)
        self.assertIn("no heading 'The Date header'", message)
        self.assertIn("now 'The date header'", message)


if __name__ == "__main__":
    unittest.main()
