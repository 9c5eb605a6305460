// The job that delivers durable events: one of each plugin that handles events. No plugin can define, enqueue or name it.
export const eventJob = "@event";
