import { describe, expect, it } from 'vitest';
import { Scope } from './scope.ts';

describe('Scope', () => {
  it('releases in reverse order, once', async () => {
    const order: string[] = [];
    const scope = new Scope();
    scope.defer(() => order.push('first'));
    scope.defer(() => order.push('second'));

    await scope[Symbol.asyncDispose]();
    await scope[Symbol.asyncDispose]();

    expect(order).toEqual(['second', 'first']);
  });

  it('goes on after a failure and reports all of them', async () => {
    const order: string[] = [];
    const scope = new Scope();
    scope.defer(() => order.push('reached'));
    scope.defer(() => Promise.reject(new Error('one')));
    scope.defer(() => Promise.reject(new Error('two')));

    await expect(scope[Symbol.asyncDispose]()).rejects.toMatchObject({
      errors: [{ message: 'two' }, { message: 'one' }],
    });
    expect(order).toEqual(['reached']);
  });

  it('closes its children, and a child that closed earlier only once', async () => {
    const order: string[] = [];
    const scope = new Scope();
    scope.child().defer(() => order.push('open child'));
    const closed = scope.child();
    closed.defer(() => order.push('closed child'));

    await closed[Symbol.asyncDispose]();
    await scope[Symbol.asyncDispose]();

    expect(order).toEqual(['closed child', 'open child']);
  });

  it('refuses a release once it is closed', async () => {
    const scope = new Scope();
    await scope[Symbol.asyncDispose]();

    expect(() => scope.defer(() => undefined)).toThrow('the scope is closed');
  });

  it('owns what it uses, and releases what comes too late', async () => {
    const released: string[] = [];
    const scope = new Scope();
    scope.use({ [Symbol.dispose]: () => released.push('in time') });

    await scope[Symbol.asyncDispose]();
    const late = () =>
      scope.use({
        [Symbol.asyncDispose]: () => {
          released.push('late');
          return Promise.reject(new Error('nobody listens'));
        },
      });

    expect(late).toThrow('the scope is closed');
    expect(released).toEqual(['in time', 'late']);
  });
});
