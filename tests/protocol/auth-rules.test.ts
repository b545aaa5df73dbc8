import { describe, expect, it } from 'vitest';
import './auth-rules-early-versions.cases.ts';
import './auth-rules-in-general.cases.ts';
import './auth-rules-joining.cases.ts';
import './auth-rules-member.cases.ts';
import './auth-rules-power-levels.cases.ts';
import './third-party-invite.cases.ts';
import { authRuleList } from './auth-rule-list.ts';
import { casesOfRules } from './rule-cases.ts';

const versions = authRuleList.flatMap(([ids, rules]) => ids.map((id) => [id, rules.split(/\s+/)] as const));
const numberOf = (rule: string) => rule.replace(/[+-]$/, '');

describe('A1.8 every auth rule of every version', () => {
  it.each(versions)('of version %s has a case that it allows and one that it refuses', (version, rules) => {
    for (const rule of rules) {
      if (!rule.endsWith('-')) expect(casesOfRules).toContain(`${version} ${numberOf(rule)} allows`);
      if (!rule.endsWith('+')) expect(casesOfRules).toContain(`${version} ${numberOf(rule)} refuses`);
    }
  });

  it.each(versions)('that a case of version %s is named after exists', (version, rules) => {
    const known = new Set(rules.map(numberOf));
    const cases = [...casesOfRules].map((name) => name.split(' ')).filter(([of]) => of === version);
    expect(cases.filter(([, number]) => !known.has(number ?? ''))).toEqual([]);
    expect(cases.length).toBeGreaterThan(known.size);
  });
});
