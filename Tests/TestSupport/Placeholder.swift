//  Placeholder.
