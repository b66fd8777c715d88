// Preloaded into Azurite: its standard input is a pipe that only the starting process holds, so the pipe's end means
// that process is gone, even when it was killed and could stop nothing.
process.stdin.on("end", () => process.kill(process.pid, "SIGTERM"));
process.stdin.resume();
process.stdin.unref();
