const text = (description: string) => ({ type: 'string', description });

/** Headers of an event: CloudEvents 1.0 in Kafka binary mode. */
export const eventHeaders = {
  type: 'object',
  required: ['ce_specversion', 'ce_id', 'ce_source', 'ce_type'],
  properties: {
    ce_specversion: { type: 'string', const: '1.0' },
    ce_id: text('unique for the event; a repetition has the same; sorts by time'),
    ce_source: text('the service that owns the fact'),
    ce_type: text('type of the event'),
    ce_time: text('when it happened, RFC 3339; absent: when the log took it'),
    ce_subject: text('what it speaks of; absent: the key'),
    ce_dataversion: text('version of the data; absent: 1'),
    'content-type': text('application/json'),
    traceparent: text('W3C trace context'),
  },
};

/** What is added to the headers of a message that was put aside. */
export const deadLetterHeaders = {
  type: 'object',
  required: ['dl-topic', 'dl-partition', 'dl-offset', 'dl-group', 'dl-code'],
  properties: {
    'dl-topic': text('where the message lay'),
    'dl-partition': text('where the message lay'),
    'dl-offset': text('where the message lay'),
    'dl-group': text('group that could not handle it'),
    'dl-code': text('error code'),
    'dl-text': text('what was wrong'),
    'dl-stack': text('where in the code'),
    'dl-attempts': text('how often it was tried'),
    'dl-time': text('when it was put aside, RFC 3339'),
  },
};
