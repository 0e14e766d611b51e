//! What every page has: headers, escaping, forms.
