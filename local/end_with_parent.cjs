// Loaded into Azurite (node --require): end when whoever started us is gone, even if it was
// killed. Its end of our standard input closes then. Listening to that alone must not keep
// us running, hence unref.
process.stdin.on("end", () => process.kill(process.pid, "SIGTERM"));
process.stdin.resume();
process.stdin.unref();
