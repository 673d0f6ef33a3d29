// The last message on a topic, as a component shows it.

import { View } from './view.js';

/** @typedef {import('../index.js').Acequia} Acequia */

/** @type {WeakMap<Acequia, Map<string, Topic>>} */
const all = new WeakMap();

/** A topic that is subscribed to as long as somebody is here to listen. */
class Topic {
  #client;
  #name;
  /** @type {Set<(data: any) => void>} */
  #members = new Set();
  /** @type {any} */
  last;

  /** @param {Acequia} client @param {string} name @throws if it is no name of a topic, or one topic too many */
  constructor(client, name) {
    client.subscribe(name);
    client.addEventListener('message', this.#hear);
    this.#client = client;
    this.#name = name;
  }

  /** Returns what leaves. @param {(data: any) => void} member */
  join(member) {
    this.#members.add(member);
    return () => {
      this.#members.delete(member);
      // After this turn, in which another may join.
      queueMicrotask(() => this.#members.size === 0 && this.#end());
    };
  }

  /** @param {{ detail: { topic: string, data: any } }} event */
  #hear = ({ detail }) => {
    if (detail.topic !== this.#name) return;
    this.last = detail.data;
    for (const member of this.#members) member(detail.data);
  };

  #end() {
    const topics = all.get(this.#client);
    if (topics?.get(this.#name) !== this) return;
    topics.delete(this.#name);
    this.#client.removeEventListener('message', this.#hear);
    this.#client.unsubscribe(this.#name);
  }
}

/** @param {Acequia} client @param {string} name */
function topicOf(client, name) {
  const topics = all.get(client) ?? new Map();
  all.set(client, topics);
  const topic = topics.get(name) ?? new Topic(client, name);
  topics.set(name, topic);
  return topic;
}

export class TopicView {
  /** @type {any} */
  #last;
  /** @type {View<any>} */
  #view = new View(() => this.#last);

  get snapshot() {
    return this.#view.snapshot;
  }

  get subscribe() {
    return this.#view.subscribe;
  }

  /**
   * Returns what ends it. Who comes when the topic is listened to already sees its last message, and is called
   * from the next one on.
   *
   * @param {Acequia} client @param {string | null} name @param {(data: any) => void} onMessage
   */
  begin(client, name, onMessage) {
    const topic = name === null ? undefined : topicOf(client, name);
    this.#show(topic?.last);
    return topic?.join((/** @type {any} */ data) => {
      this.#show(data);
      onMessage(data);
    }) ?? (() => {});
  }

  /** @param {any} data */
  #show(data) {
    this.#last = data;
    this.#view.changed();
  }
}
