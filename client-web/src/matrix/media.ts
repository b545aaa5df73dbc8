const serverNamePattern = /^[A-Za-z0-9.\-:[\]]{1,255}$/;
const mediaIdPattern = /^[A-Za-z0-9_-]{1,255}$/;

/**
 * The two parts of an `mxc://` URI, or undefined if it does not follow the grammar. Nothing else may be put into a URL:
 * a crafted URI would otherwise become an authenticated request to any path of the homeserver.
 */
export function parseMxc(uri: unknown): { serverName: string; mediaId: string } | undefined {
  if (typeof uri !== 'string' || !uri.startsWith('mxc://')) return undefined;
  const [serverName, mediaId, ...rest] = uri.slice('mxc://'.length).split('/');
  if (rest.length > 0 || !serverName || !mediaId) return undefined;
  return serverNamePattern.test(serverName) && mediaIdPattern.test(mediaId) ? { serverName, mediaId } : undefined;
}

export interface MediaRequest {
  mxc: string;
  /** CSS pixels. Without width and height the original file is fetched. */
  width?: number;
  height?: number;
  method?: 'crop' | 'scale';
}

export interface MediaHandle {
  /** A `blob:` URL, valid until `release`. Rejects if the medium cannot be had. */
  readonly url: Promise<string>;
  /** The same URL once it is there, so that a cached image appears with the first drawing. */
  readonly currentUrl: string | undefined;
  release(): void;
}

interface Entry {
  key: string;
  url: Promise<string>;
  currentUrl: string | undefined;
  users: number;
}

export interface MediaLoaderOptions {
  baseUrl: string;
  accessToken: string;
  /** How many media that nobody shows are kept for the next time. */
  idleLimit?: number;
  fetch?: typeof globalThis.fetch;
  devicePixelRatio?: number;
}

/**
 * Fetches media with the access token (an <img> cannot send it) and hands out `blob:` URLs. A medium shown twice is
 * fetched once; those no longer shown are kept up to a limit and then revoked, longest unused first.
 */
export class MediaLoader {
  readonly #options: Required<MediaLoaderOptions>;
  readonly #entries = new Map<string, Entry>();

  constructor(options: MediaLoaderOptions) {
    this.#options = { idleLimit: 300, fetch: (...args) => globalThis.fetch(...args), devicePixelRatio: 2, ...options };
  }

  acquire(request: MediaRequest): MediaHandle {
    const path = this.#path(request);
    if (!path) return { url: Promise.reject(new Error('Not a media URI')), currentUrl: undefined, release: () => {} };
    const entry = this.#entries.get(path) ?? this.#load(path);
    // Moves it to the young end of the map.
    this.#entries.delete(path);
    this.#entries.set(path, entry);
    entry.users++;
    let released = false;
    return {
      url: entry.url,
      get currentUrl() {
        return entry.currentUrl;
      },
      release: () => {
        if (released) return;
        released = true;
        entry.users--;
        this.#evict();
      },
    };
  }

  /** Revokes everything: the session is over. */
  dispose(): void {
    for (const entry of this.#entries.values()) revoke(entry);
    this.#entries.clear();
  }

  #load(path: string): Entry {
    const entry: Entry = { key: path, url: this.#fetchBlob(path), currentUrl: undefined, users: 0 };
    entry.url.then(
      (url) => {
        entry.currentUrl = url;
      },
      () => {
        // A failure is not remembered: the next one who asks tries again.
        if (this.#entries.get(path) === entry) this.#entries.delete(path);
      },
    );
    return entry;
  }

  async #fetchBlob(path: string): Promise<string> {
    const response = await this.#options.fetch(this.#options.baseUrl + path, {
      headers: { Authorization: `Bearer ${this.#options.accessToken}` },
      credentials: 'omit',
      referrerPolicy: 'no-referrer',
    });
    if (!response.ok) throw new Error(`The server answered ${response.status}`);
    return URL.createObjectURL(await response.blob());
  }

  #path(request: MediaRequest): string | undefined {
    const parsed = parseMxc(request.mxc);
    if (!parsed) return undefined;
    const id = `${encodeURIComponent(parsed.serverName)}/${encodeURIComponent(parsed.mediaId)}`;
    if (!request.width || !request.height) return `/_matrix/client/v1/media/download/${id}`;
    const scale = this.#options.devicePixelRatio > 1 ? 2 : 1;
    const query = new URLSearchParams({
      width: String(Math.round(request.width * scale)),
      height: String(Math.round(request.height * scale)),
      method: request.method ?? 'scale',
    });
    return `/_matrix/client/v1/media/thumbnail/${id}?${query}`;
  }

  #evict(): void {
    const idle = [...this.#entries.values()].filter((entry) => entry.users === 0);
    for (const entry of idle.slice(0, Math.max(0, idle.length - this.#options.idleLimit))) {
      this.#entries.delete(entry.key);
      revoke(entry);
    }
  }
}

function revoke(entry: Entry): void {
  entry.url.then(
    (url) => URL.revokeObjectURL(url),
    () => {
      // It never came, so there is nothing to revoke.
    },
  );
}
