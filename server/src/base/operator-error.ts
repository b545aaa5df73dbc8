/**
 * Something that whoever runs the server can mend, and nobody else: the message says in a sentence or two what is wrong and what to
 * do. It is shown as it is, without a stack.
 */
export class OperatorError extends Error {}
