mod layers;
mod template;
mod values;
