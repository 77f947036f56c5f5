/** Stands for the browser in tests of the stream: nothing of it is in the product. */
export class FakeSource extends EventTarget {
  static all: FakeSource[] = [];
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSED = 2;
  readyState = FakeSource.OPEN;

  constructor(readonly url: string) {
    super();
    FakeSource.all.push(this);
  }
  send(type: string, data: unknown, lastEventId: string): void {
    this.dispatchEvent(new MessageEvent(type, { data: JSON.stringify(data), lastEventId }));
  }
  /** The connection broke. */
  drop(): void {
    this.readyState = FakeSource.CONNECTING;
    this.dispatchEvent(new Event("error"));
  }
  /** The server answered with something that is no stream. */
  refuse(): void {
    this.readyState = FakeSource.CLOSED;
    this.dispatchEvent(new Event("error"));
  }
  close(): void {
    this.readyState = FakeSource.CLOSED;
  }
}

/** Locks between tabs: first come, first served. */
export class FakeLocks {
  private queue: (() => void)[] = [];
  private held = false;

  request(_name: string, options: { signal: AbortSignal }, task: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const run = () => {
        this.held = true;
        void Promise.resolve(task()).then(() => {
          this.held = false;
          this.queue.shift()?.();
          resolve();
        });
      };
      options.signal.addEventListener("abort", () => {
        const at = this.queue.indexOf(run);
        if (at < 0) return;
        this.queue.splice(at, 1);
        reject(new DOMException("given up", "AbortError"));
      });
      if (this.held) this.queue.push(run);
      else run();
    });
  }
}

/** Channels between tabs: everybody else hears it. */
export class FakeChannel {
  static all: FakeChannel[] = [];
  onmessage: ((message: { data: unknown }) => void) | null = null;

  constructor(readonly name: string) {
    FakeChannel.all.push(this);
  }
  postMessage(data: unknown): void {
    for (const c of FakeChannel.all) if (c !== this && c.name === this.name) c.onmessage?.({ data: structuredClone(data) });
  }
  close(): void {
    FakeChannel.all = FakeChannel.all.filter((c) => c !== this);
  }
}
