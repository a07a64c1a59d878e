//  Signals as a stream.

import Glibc
import Platform
import Testing

@Suite(.serialized) struct SignalTests {
    @Test(.timeLimit(.minutes(1))) func `every caught signal is an element`() async {
        var caught = Signals.stream([SIGUSR1, SIGUSR2]).makeAsyncIterator()
        kill(getpid(), SIGUSR1)
        #expect(await caught.next() == SIGUSR1)
        kill(getpid(), SIGUSR2)
        #expect(await caught.next() == SIGUSR2)
    }
}
