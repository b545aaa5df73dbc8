import type { SendTarget } from '../matrix/send.ts';
import { sendMessage } from '../matrix/send.ts';
import type { Session } from '../matrix/session.ts';
import { maxUploadBytes, uploadFile } from '../matrix/upload.ts';
import { readMediaFile } from '../platform/media-file.ts';
import type { WrittenMessage } from './composer-document.ts';
import { mediaMessage, type UploadedFile } from './media-message.ts';
import { ViewModel } from './view-model.ts';

/** A file on its way into the conversation. */
export interface UploadItem {
  id: number;
  file: File;
  name: string;
  /** `waiting`: chosen, not sent yet. A failed one can be sent again or removed. */
  status: 'waiting' | 'sending' | 'failed';
  /** Part of the bytes that arrived, 0 … 1. */
  progress: number;
  /** Why it cannot be sent: too large for the server. Bytes that it takes. */
  limitBytes?: number;
}

export interface UploadState {
  items: readonly UploadItem[];
}

/** What goes with the first file of a batch. */
export interface BatchExtras {
  caption?: WrittenMessage | undefined;
  relatesTo?: Record<string, unknown> | undefined;
}

const MAX_FILES = 50;

/** The files chosen for a conversation: they wait for "send", are uploaded one after the other, and can be cancelled. */
export class UploadQueue extends ViewModel<UploadState> {
  readonly #session: Session;
  readonly #target: SendTarget;
  readonly #running = new Map<number, AbortController>();
  readonly #extras = new Map<number, BatchExtras>();
  #lastId = 0;
  /** Ends the question whether the page may be left. */
  #letGo: (() => void) | undefined;

  constructor(session: Session, target: SendTarget) {
    super({ items: [] });
    this.#session = session;
    this.#target = target;
    // Nothing keeps the files themselves beyond the page.
    this.own(this.subscribe(() => this.#askBeforeLeaving(this.getState().items.length > 0)));
    this.own(() => this.#askBeforeLeaving(false));
    this.own(() => {
      for (const controller of this.#running.values()) controller.abort();
    });
  }

  get hasWaiting(): boolean {
    return this.getState().items.some((item) => item.status === 'waiting' && item.limitBytes === undefined);
  }

  add(files: readonly File[]): void {
    const room = MAX_FILES - this.getState().items.length;
    const added = files.slice(0, Math.max(0, room)).map((file): UploadItem => {
      this.#lastId += 1;
      return { id: this.#lastId, file, name: file.name || 'file', status: 'waiting', progress: 0 };
    });
    this.set({ items: [...this.getState().items, ...added] });
    void this.#markTooLarge();
  }

  /** Takes a file out of the queue; if it is being sent, that ends. */
  remove(id: number): void {
    this.#running.get(id)?.abort();
    this.#extras.delete(id);
    this.set({ items: this.getState().items.filter((item) => item.id !== id) });
  }

  /** Sends what waits, in order. Resolves when all of it was sent or has failed. */
  async send(extras: BatchExtras = {}): Promise<void> {
    const waiting = this.getState().items.filter((item) => item.status === 'waiting' && item.limitBytes === undefined);
    const first = waiting[0];
    if (!first) return;
    this.#extras.set(first.id, extras);
    for (const { id } of waiting) this.#update(id, { status: 'sending', progress: 0 });
    for (const { id } of waiting) await this.#sendOne(id);
  }

  /** Sends a file again that failed. */
  async retry(id: number): Promise<void> {
    this.#update(id, { status: 'sending', progress: 0 });
    await this.#sendOne(id);
  }

  async #sendOne(id: number): Promise<void> {
    const item = this.getState().items.find((one) => one.id === id);
    if (!item) return;
    const controller = new AbortController();
    this.#running.set(id, controller);
    try {
      const uploaded = await this.#upload(item, controller.signal);
      const { caption, relatesTo } = this.#extras.get(id) ?? {};
      const content = { ...mediaMessage(uploaded, caption), ...(relatesTo && { 'm.relates_to': relatesTo }) };
      this.remove(id);
      await sendMessage(this.#session, this.#target, content);
    } catch {
      // A cancelled one is no longer in the list, and this changes nothing.
      this.#update(id, { status: 'failed' });
    } finally {
      this.#running.delete(id);
    }
  }

  async #upload(item: UploadItem, signal: AbortSignal): Promise<UploadedFile> {
    const { file, id } = item;
    const facts = await readMediaFile(file);
    const { thumbnail } = facts;
    const thumbnailMxc = thumbnail && (await uploadFile(this.#session, thumbnail.blob, { signal }));
    const onProgress = (progress: number): void => this.#update(id, { progress });
    const mxc = await uploadFile(this.#session, file, { signal, onProgress });
    return {
      name: item.name,
      type: file.type,
      bytes: file.size,
      mxc,
      facts,
      ...(thumbnail &&
        thumbnailMxc && {
          thumbnail: {
            mxc: thumbnailMxc,
            type: thumbnail.blob.type,
            bytes: thumbnail.blob.size,
            width: thumbnail.width,
            height: thumbnail.height,
          },
        }),
    };
  }

  #askBeforeLeaving(isAsking: boolean): void {
    if (isAsking) this.#letGo ??= this.#session.platform.page.askBeforeLeaving();
    else {
      this.#letGo?.();
      this.#letGo = undefined;
    }
  }

  async #markTooLarge(): Promise<void> {
    const limitBytes = await maxUploadBytes(this.#session);
    if (limitBytes === undefined) return;
    for (const item of this.getState().items) if (item.file.size > limitBytes) this.#update(item.id, { limitBytes });
  }

  #update(id: number, patch: Partial<UploadItem>): void {
    this.set({ items: this.getState().items.map((item) => (item.id === id ? { ...item, ...patch } : item)) });
  }
}
