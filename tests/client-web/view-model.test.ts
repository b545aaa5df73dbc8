import { describe, expect, test } from 'vitest';
import { createLocalStore, createMemoryStore } from '../../client-web/src/platform/key-value-store.ts';
import { suggestAlias } from '../../client-web/src/view-models/create-channel.ts';
import { findKnown } from '../../client-web/src/view-models/people-picker.ts';
import { PreferencesViewModel } from '../../client-web/src/view-models/preferences.ts';
import { toProblem } from '../../client-web/src/view-models/problem.ts';
import { hueOf } from '../../client-web/src/view-models/sender-hue.ts';
import { ViewModel } from '../../client-web/src/view-models/view-model.ts';

class Counter extends ViewModel<{ count: number; word: string }> {
  constructor() {
    super({ count: 0, word: '' });
  }
  change(patch: Partial<{ count: number; word: string }>): void {
    this.set(patch);
  }
  keep(release: () => void): void {
    this.own(release);
  }
}

describe('a view model', () => {
  test('tells its listeners of a new state object, and only when something is another value than before', () => {
    const counter = new Counter();
    const states: unknown[] = [];
    counter.subscribe(() => states.push(counter.getState()));
    const before = counter.getState();
    counter.change({ count: 1 });
    counter.change({ count: 1, word: '' });
    expect(states).toEqual([{ count: 1, word: '' }]);
    expect(before).toEqual({ count: 0, word: '' });
  });

  test('lets a listener leave while it is being told', () => {
    const counter = new Counter();
    const told: string[] = [];
    const leave = counter.subscribe(() => {
      told.push('first');
      leave();
    });
    counter.subscribe(() => told.push('second'));
    counter.change({ count: 1 });
    counter.change({ count: 2 });
    expect(told).toEqual(['first', 'second', 'second']);
  });

  test('lets go of everything once, last taken first, and changes no more', () => {
    const counter = new Counter();
    const released: string[] = [];
    for (const name of ['a', 'b']) counter.keep(() => released.push(name));
    counter.dispose();
    counter.dispose();
    counter.keep(() => released.push('late'));
    counter.change({ count: 5 });
    expect(released).toEqual(['b', 'a', 'late']);
    expect(counter.getState().count).toBe(0);
  });
});

describe('preferences', () => {
  test('are kept, and what an earlier version or somebody else wrote is read with care', () => {
    const store = createMemoryStore();
    new PreferencesViewModel(store).change({ listWidth: 320 });
    expect(new PreferencesViewModel(store).getState().listWidth).toBe(320);
    store.set('preferences', { listWidth: 9999, panelWidth: 'wide', collapsedSections: [1, 'direct'], lastRoomId: 7 });
    expect(new PreferencesViewModel(store).getState()).toMatchObject({
      listWidth: 400,
      panelWidth: 380,
      collapsedSections: ['direct'],
      lastRoomId: undefined,
    });
  });

  test('last as long as the page where the browser stores nothing', () => {
    const refuses = () => {
      throw new DOMException('The quota has been exceeded', 'QuotaExceededError');
    };
    const storage = {
      getItem: refuses,
      setItem: refuses,
      removeItem: refuses,
      key: refuses,
      length: 0,
      clear: refuses,
    };
    const store = createLocalStore(storage as unknown as Storage);
    store.set('theme', 'dark');
    expect(store.get('theme')).toBe('dark');
    expect(store.keys()).toEqual(['theme']);
    store.remove('theme');
    expect(store.get('theme')).toBeUndefined();
  });
});

test.each([
  ['Design Reviews', 'design-reviews'],
  ['  Größe & Café!  ', 'große-cafe'],
  ['#general:example.org', 'general-example.org'],
  ['日本語', '日本語'],
  ['***', ''],
])('an address made of the name "%s" is "%s"', (name, alias) => {
  expect(suggestAlias(name)).toBe(alias);
});

test('people are found by the beginning of any of their names and by their id', () => {
  const users = [
    { userId: '@ben:example.org', name: 'Ben Okafor', avatarMxc: undefined },
    { userId: '@oki:example.org', name: 'Cato', avatarMxc: undefined },
  ];
  const find = (term: string) => findKnown(users, term).map(({ name }) => name);
  expect(find('ok')).toEqual(['Ben Okafor', 'Cato']);
  expect(find('en ')).toEqual([]);
  expect(find('')).toHaveLength(2);
});

test('a name keeps its colour', () => {
  expect(hueOf('@ana:example.org')).toBe(hueOf('@ana:example.org'));
  expect(new Set(Array.from({ length: 200 }, (_, index) => hueOf(`@user${index}:example.org`)))).toHaveLength(8);
});

test('an error of the SDK is understood by its shape, any other is not mistaken for a refusal', () => {
  const limited = Object.assign(new Error('M_LIMIT_EXCEEDED'), {
    httpStatus: 429,
    errcode: 'M_LIMIT_EXCEEDED',
    data: { error: 'Too many', retry_after_ms: 1500 },
  });
  expect(toProblem(limited)).toEqual({ code: 'tooMany', seconds: 2 });
  const offline = Object.assign(new Error('fetch failed'), { name: 'ConnectionError' });
  expect(toProblem(offline)).toEqual({ code: 'unreachable' });
  expect(toProblem(new TypeError('x is undefined'))).toEqual({ code: 'unexpected', detail: 'x is undefined' });
});
