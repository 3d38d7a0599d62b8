//! Public market streams: who subscribed to what.

use serde_json::{Value, json};

use super::feeds::Feed;
use super::said::Said;
use crate::sim::door::server::Shared;
use crate::sim::instruments::Category;

/// The most topics of one spot request.
const SPOT_TOPICS: usize = 10;

/// The subscriptions of one connection; without a category it is the status stream.
pub(super) struct Public {
    category: Option<Category>,
    feeds: Vec<Feed>,
}

impl Public {
    pub(super) fn new(category: Option<Category>) -> Self {
        Self {
            category,
            feeds: Vec::new(),
        }
    }

    /// Subscribes and unsubscribes.
    pub(super) fn hear(&mut self, shared: &Shared, said: &Said, id: &str) -> Value {
        let topics = said.words();
        let done = match said.op.as_str() {
            "subscribe" => self.subscribe(shared, &topics),
            "unsubscribe" => {
                self.feeds.retain(|feed| !topics.contains(&feed.topic));
                Ok(())
            }
            other => Err(format!("error:request,{other} is not an operation")),
        };
        self.acknowledge(said, &topics, done, id)
    }

    fn acknowledge(&self, said: &Said, topics: &[String], done: Result<(), String>, id: &str) -> Value {
        if self.category == Some(Category::Option) {
            let (good, bad) = match &done {
                Ok(()) => (topics, &[][..]),
                Err(_) => (&[][..], topics),
            };
            return json!({
                "success": done.is_ok(), "conn_id": id, "type": "COMMAND_RESP", "req_id": said.id,
                "data": {"successTopics": good, "failTopics": bad},
            });
        }
        let message = match (&done, self.category) {
            (Ok(()), Some(Category::Spot)) => said.op.clone(),
            (Ok(()), _) => String::new(),
            (Err(why), _) => why.clone(),
        };
        json!({
            "success": done.is_ok(), "ret_msg": message, "conn_id": id, "req_id": said.id, "op": said.op,
        })
    }

    /// All topics of a request or, when one is not understood, none.
    fn subscribe(&mut self, shared: &Shared, topics: &[String]) -> Result<(), String> {
        if self.category == Some(Category::Spot) && topics.len() > SPOT_TOPICS {
            return Err(format!("args size >{SPOT_TOPICS}"));
        }
        let mut feeds = Vec::new();
        for topic in topics {
            if self.feeds.iter().chain(&feeds).any(|feed| feed.topic == *topic) {
                return Err(format!("error:already subscribed,topic:{topic}"));
            }
            let feed = match self.category {
                Some(category) => Feed::open(shared, category, topic),
                None => Feed::status(topic),
            };
            feeds.push(feed.ok_or_else(|| format!("error:handler not found,topic:{topic}"))?);
        }
        self.feeds.extend(feeds);
        Ok(())
    }

    pub(super) fn look(&mut self, shared: &Shared) -> Vec<Value> {
        self.feeds.iter_mut().flat_map(|feed| feed.look(shared)).collect()
    }
}
