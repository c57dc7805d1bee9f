DELETE FROM role_permissions WHERE permission = 'queues:manage';
DROP TABLE queue_events, queue_pauses;
