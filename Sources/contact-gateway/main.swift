//  One call: everything else is in a file of its own.

await Program.run(Array(CommandLine.arguments.dropFirst()))
