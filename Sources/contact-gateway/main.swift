//  One call: everything else is in a room of its own.
